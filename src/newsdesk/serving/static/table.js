// Several articles: a table of their labels, and the same as CSV.
import { $, make, say, tableRow } from "./elements.js";
import { nameOf } from "./labels.js";
import { REASONS } from "./texts.js";

const COLUMNS = ["article_id", "title", "regions", "topics", "reason"];

// Show one row for each article; `open` is called with an article whose title is clicked.
export function showTable(articles, predictions, open) {
  $("count").textContent = predictions.length;
  $("rows").replaceChildren(...predictions.map((row, i) => articleRow(articles[i], row, open)));
  $("several").hidden = false;
}

function articleRow(article, row, open) {
  const title = make("button", "link", article.title || article.text.slice(0, 80) || row.article_id);
  title.type = "button";
  title.addEventListener("click", () => open(article));
  const labels = (task) => row[`${task}s`].map((label) => nameOf(task, label).arabic).join("، ");
  const reason = row.reason ? say(make("span"), REASONS[row.reason]) : "";
  return tableRow(title, labels("region"), labels("topic"), reason);
}

// The byte order mark makes spreadsheets read UTF-8.
export function toCsv(articles, predictions) {
  const rows = predictions.map((row, i) => [
    row.article_id ?? "", articles[i].title, row.regions.join("|"), row.topics.join("|"), row.reason ?? "",
  ]);
  return "\ufeff" + [COLUMNS, ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");
}

// A spreadsheet runs a cell that begins with one of these as a formula.
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

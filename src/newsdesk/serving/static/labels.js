// The labels of one article, and the evidence for each.
import { $, make, say, signed, tableRow } from "./elements.js";
import { KINDS, REASONS } from "./texts.js";

const TASKS = ["region", "topic"];
const MAX_ROWS = 12; // of the table of evidence
let names = {}; // of labels, by task
let current = null; // the answer that is shown: its row and thresholds

export function setNames(labels) {
  names = labels;
}

export function nameOf(task, label) {
  return (names[task] || []).find((entry) => entry.id === label) || { arabic: label, english: label };
}

export function showArticle(answer) {
  const row = answer.predictions[0];
  current = { row, thresholds: answer.thresholds };
  showSummary(row);
  for (const task of TASKS) showLabels(task);
  $("floor").hidden = !TASKS.some((task) => row[`${task}s`].some((label) => isBelowThreshold(task, label)));
  $("answer").hidden = false;
  $("scores").hidden = $("evidence").hidden = !row.evidence.length; // the article was not scored
  if (row.evidence.length) showEvidence(...firstLabel(row));
}

const isBelowThreshold = (task, label) => current.row[`${task}_scores`][label] < current.thresholds[task][label];

function showSummary(row) {
  const held = TASKS.flatMap((task) => row[`${task}s`].map((label) => nameOf(task, label)));
  $("summary").dataset.reason = row.reason || "";
  if (row.reason) say($("summary"), REASONS[row.reason]);
  else $("summary").replaceChildren(...held.map((name) => say(make("span", "chip"), [name.arabic, name.english])));
}

function firstLabel(row) {
  if (row.topics.length) return ["topic", row.topics[0]];
  if (row.regions.length) return ["region", row.regions[0]];
  const best = row.evidence.reduce((a, b) => (b.probability > a.probability ? b : a));
  return [best.task, best.label];
}

function showLabels(task) {
  const scores = Object.entries(current.row[`${task}_scores`]).sort((a, b) => b[1] - a[1]);
  const held = current.row[`${task}s`];
  $(task).replaceChildren(...scores.map(([label, score]) => labelItem(task, label, score, held.includes(label))));
}

function labelItem(task, label, score, holds) {
  const name = nameOf(task, label);
  const limit = current.thresholds[task][label];
  const item = make("li", holds ? "holds" : "");
  const button = make("button");
  button.type = "button";
  Object.assign(button.dataset, { task, label });
  button.setAttribute("aria-pressed", "false");
  button.title = `${label}: ${score.toFixed(4)}, ${limit.toFixed(4)}`;
  button.append(say(make("span", "name"), [name.arabic, name.english]), scoreBar(score, limit));
  button.append(make("span", "value", score.toFixed(2)));
  button.addEventListener("click", () => showEvidence(task, label));
  item.append(button);
  return item;
}

function scoreBar(score, limit) {
  const bar = make("span", "bar");
  bar.setAttribute("aria-hidden", "true");
  const [fill, mark] = [make("span", "fill"), make("span", "limit")];
  fill.style.width = `${100 * score}%`;
  mark.style.insetInlineStart = `calc(${100 * limit}% - 1px)`;
  bar.append(fill, mark);
  return bar;
}

function showEvidence(task, label) {
  const evidence = current.row.evidence.find((entry) => entry.task === task && entry.label === label);
  for (const button of document.querySelectorAll("li button")) {
    const pressed = button.dataset.task === task && button.dataset.label === label;
    button.setAttribute("aria-pressed", String(pressed));
  }
  $("why").textContent = `لماذا «${nameOf(task, label).arabic}» ${evidence.probability.toFixed(2)}؟`;
  showMarks(evidence.contributions);
  showContributions(evidence);
}

function showMarks(contributions) {
  // Offsets count code points; strings of JavaScript count UTF-16 units, hence the arrays.
  const points = { title: Array.from(current.row.title), text: Array.from(current.row.text) };
  const sums = { title: points.title.map(() => 0), text: points.text.map(() => 0) };
  for (const entry of contributions.filter((entry) => entry.part)) {
    for (let i = entry.start; i < entry.end; i++) sums[entry.part][i] += entry.value;
  }
  const most = [...sums.title, ...sums.text].reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  for (const part of ["title", "text"]) $(`shown-${part}`).replaceChildren(...marked(points[part], sums[part], most));
}

function marked(points, sums, most) {
  const nodes = [];
  for (let start = 0, stop; start < points.length; start = stop) {
    for (stop = start + 1; stop < points.length && sums[stop] === sums[start]; ) stop++;
    const text = points.slice(start, stop).join("");
    const weight = Math.abs(sums[start]) / most;
    if (weight < 0.05) {
      nodes.push(document.createTextNode(text));
      continue;
    }
    const mark = make("mark", sums[start] > 0 ? "for" : "against", text);
    mark.style.setProperty("--weight", `${(10 + 75 * weight).toFixed(1)}%`);
    mark.title = signed(sums[start]);
    nodes.push(mark);
  }
  return nodes;
}

// Add up the contributions of each word over its occurrences and kinds; forms with one stem are one word.
function addUp(contributions) {
  const spanOf = (entry) => `${entry.part}:${entry.start}:${entry.end}`;
  const words = contributions.filter((entry) => entry.kind === "word");
  const stems = new Map(words.map((entry) => [spanOf(entry), entry.term]));
  const sums = new Map();
  for (const entry of contributions.filter((entry) => entry.kind !== "remainder")) {
    const key = entry.part ? (stems.get(spanOf(entry)) ?? entry.surface) : `${entry.kind}:${entry.term}`;
    const sum = sums.get(key) ?? { forms: new Set(), kinds: new Set(), spans: new Set(), value: 0 };
    sum.forms.add(entry.part ? entry.surface : placeOf(entry));
    sum.kinds.add(KINDS[entry.kind]);
    if (entry.part) sum.spans.add(spanOf(entry));
    sum.value += entry.value;
    sums.set(key, sum);
  }
  return [...sums.values()].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

// The name of the home country, or of the region that place features without a mention belong to.
function placeOf(entry) {
  if (entry.kind !== "home") return nameOf("region", entry.term).arabic;
  return new Intl.DisplayNames(["ar"], { type: "region" }).of(entry.term);
}

function showContributions(evidence) {
  const largest = addUp(evidence.contributions).slice(0, MAX_ROWS);
  const remainder = evidence.score - evidence.intercept - largest.reduce((sum, word) => sum + word.value, 0);
  $("contributions").replaceChildren(
    ...largest.map(({ forms, kinds, spans, value }) =>
      tableRow([...forms].slice(0, 4).join("، "), [...kinds].join("، "), spans.size || "", signed(value))
    )
  );
  $("sum").replaceChildren(
    sumRow(["الباقي", "the rest"], remainder),
    sumRow(["الثابت قبل قراءة الخبر", "intercept"], evidence.intercept),
    sumRow(["المجموع (لوغاريتم الأرجحية)", "sum, the log-odds"], evidence.score)
  );
}

function sumRow(name, value) {
  const row = tableRow(say(make("span"), name), signed(value));
  row.cells[0].colSpan = 3;
  return row;
}

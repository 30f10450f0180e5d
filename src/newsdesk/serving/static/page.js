"use strict";
// The text of an article is only inserted as text, never as markup.

const $ = (id) => document.getElementById(id);
const REASONS = {
  too_short: "النص أقصر من أن يُحكم عليه",
  not_arabic: "النص ليس بالعربية",
  no_evidence: "لا شيء في النص يدل على قسم",
  ambiguous: "الأرجح أن له قسماً، لكن لا يقين في أيّها",
};
const KINDS = { word: "كلمة", chars: "حروف", place: "مكان", remainder: "الباقي" };
const PROFILES = { balanced: "متوازنة", high_precision: "أدق", high_recall: "أشمل" };
const TASKS = ["region", "topic"];
let names = {};
let current = null; // the prediction that the page shows

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function showMessage(message, wrong) {
  $("message").textContent = message;
  $("message").classList.toggle("wrong", Boolean(wrong));
}

function nameOf(task, label) {
  return (names[task] || []).find((entry) => entry.id === label) || { arabic: label, english: label };
}

function showModel(model) {
  $("model").textContent = `${model.name} ${model.version} · ${model.sha256.slice(0, 12)}`;
  $("model").title = `sha256 ${model.sha256}, loaded ${model.loaded}`;
}

async function start() {
  const response = await fetch("version");
  const version = await response.json();
  names = version.labels;
  showModel(version.model);
  for (const profile of version.profiles) {
    const option = make("option", "", PROFILES[profile]);
    option.value = profile;
    $("profile").append(option);
  }
}

async function predict(event) {
  event.preventDefault();
  const button = $("article").querySelector("button");
  const wellFormed = (s) => (s.toWellFormed ? s.toWellFormed() : s);
  const article = { title: wellFormed($("title").value), text: wellFormed($("text").value) };
  button.disabled = true;
  showMessage("…");
  try {
    const response = await fetch("predict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...article, profile: $("profile").value || "balanced", explain: true, top: 200 }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message);
    showMessage("");
    show(answer);
  } catch (error) {
    $("answer").hidden = $("evidence").hidden = true;
    showMessage(`تعذّر التصنيف: ${error.message}`, true);
  } finally {
    button.disabled = false;
  }
}

function show(answer) {
  const row = answer.predictions[0];
  current = { row, thresholds: answer.thresholds };
  showModel(answer.model);
  const labels = [...row.regions.map((l) => nameOf("region", l)), ...row.topics.map((l) => nameOf("topic", l))];
  $("summary").textContent = row.reason
    ? `لا قسم: ${REASONS[row.reason] || row.reason} (${row.reason})`
    : labels.map((name) => name.arabic).join("، ");
  for (const task of TASKS) showLabels(task);
  $("answer").hidden = false;
  $("evidence").hidden = !row.evidence.length;
  if (!row.evidence.length) return;
  const first = row.topics.length ? ["topic", row.topics[0]] : row.regions.length ? ["region", row.regions[0]] : null;
  showEvidence(...(first || mostProbable(row)));
}

function mostProbable(row) {
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
  button.dataset.task = task;
  button.dataset.label = label;
  button.setAttribute("aria-pressed", "false");
  button.title = `${label}: ${score.toFixed(4)}, ${limit.toFixed(4)}`;
  const title = make("span", "name", name.arabic);
  const english = make("small", "", name.english);
  english.lang = "en";
  title.append(english);
  const bar = make("span", "bar");
  bar.setAttribute("aria-hidden", "true");
  const fill = make("span", "fill");
  fill.style.width = `${100 * score}%`;
  const mark = make("span", "limit");
  mark.style.insetInlineStart = `calc(${100 * limit}% - 1px)`;
  bar.append(fill, mark);
  button.append(title, bar, make("span", "value", score.toFixed(2)));
  button.addEventListener("click", () => showEvidence(task, label));
  item.append(button);
  return item;
}

function showEvidence(task, label) {
  const evidence = current.row.evidence.find((entry) => entry.task === task && entry.label === label);
  for (const button of document.querySelectorAll("li button")) {
    const pressed = button.dataset.task === task && button.dataset.label === label;
    button.setAttribute("aria-pressed", String(pressed));
  }
  const name = nameOf(task, label);
  $("why").textContent = `لماذا «${name.arabic}» ${evidence.probability.toFixed(2)}؟`;
  const placed = evidence.contributions.filter((entry) => entry.part);
  const points = { title: Array.from(current.row.title), text: Array.from(current.row.text) };
  const sums = {
    title: sumByCharacter(points.title, placed, "title"),
    text: sumByCharacter(points.text, placed, "text"),
  };
  const most = Math.max(1e-9, ...[...sums.title, ...sums.text].map(Math.abs));
  for (const part of ["title", "text"]) $(`shown-${part}`).replaceChildren(...marked(points[part], sums[part], most));
  showContributions(evidence);
}

// Offsets count code points; strings of JavaScript count UTF-16 units, hence the arrays.
function sumByCharacter(points, contributions, part) {
  const sums = new Array(points.length).fill(0);
  for (const entry of contributions) {
    if (entry.part === part) for (let i = entry.start; i < entry.end; i++) sums[i] += entry.value;
  }
  return sums;
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

const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

function tableRow(...cells) {
  const row = make("tr");
  row.append(...cells.map((cell) => make("td", "", cell)));
  return row;
}

function showContributions(evidence) {
  const largest = evidence.contributions.filter((entry) => entry.kind !== "remainder").slice(0, 10);
  const remainder = evidence.score - evidence.intercept - largest.reduce((sum, entry) => sum + entry.value, 0);
  $("contributions").replaceChildren(
    ...largest.map((entry) =>
      tableRow(entry.surface || entry.term, KINDS[entry.kind] + (entry.part === "title" ? " (العنوان)" : ""), signed(entry.value))
    )
  );
  $("sum").replaceChildren(
    tableRow("الباقي", "", signed(remainder)),
    tableRow("الثابت قبل قراءة الخبر", "", signed(evidence.intercept)),
    tableRow("المجموع (لوغاريتم الأرجحية)", "", signed(evidence.score))
  );
}

$("article").addEventListener("submit", predict);
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("article").requestSubmit();
});
start().catch((error) => showMessage(`تعذّر الوصول إلى الخادم: ${error.message}`, true));

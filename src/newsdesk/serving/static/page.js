// The form: an article that is typed, an example, or files.
import { $, copyJson, download, make, say, showMessage } from "./elements.js";
import { setNames, showArticle } from "./labels.js";
import { RequestError, predictAll, predictOne, readFile, request } from "./server.js";
import { showTable, toCsv } from "./table.js";
import { EXAMPLES, LEFT_OUT, PROFILES } from "./texts.js";

const MAX_ARTICLES = 1000;
const MAX_DETAILS = 5; // of rows left out
const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text);
let pending = null; // the controller of the task that runs
let one = null; // the answer for the article of the form; `asked` from the request on
let asked = false;
let several = null; // the articles of the table, and the answer for them once it is there

// Run a task and show its error; a new task cancels the one before. A task may return a message.
async function run(task, message = "working") {
  pending?.abort();
  const own = (pending = new AbortController());
  $("main").setAttribute("aria-busy", "true");
  showMessage(message);
  try {
    const result = (await task(own.signal)) ?? [];
    if (own === pending) showMessage(...result);
  } catch (error) {
    if (own !== pending) return;
    const isKnown = error instanceof RequestError;
    if (!isKnown) console.error(error);
    showMessage(isKnown ? error.code : "internal", { wrong: true });
  } finally {
    if (own === pending) $("main").setAttribute("aria-busy", "false");
  }
}

async function start(signal) {
  const version = await request("version");
  setNames(version.labels);
  showModel(version.model);
  for (const profile of version.profiles) {
    const option = make("option", "", (PROFILES[profile] ?? [profile]).join(" · "));
    option.value = profile;
    $("profile").append(option);
  }
  $("thresholds").hidden = version.profiles.length < 2;
  await request("ready", { signal }); // waits until the model is ready
}

function showModel(model) {
  $("model").textContent = `${model.name} ${model.version} · ${model.sha256.slice(0, 12)}`;
  $("model").title = `sha256 ${model.sha256}, loaded ${model.loaded}`;
}

const chosenProfile = () => $("profile").value || undefined;

async function labelOne(signal) {
  const article = { title: wellFormed($("title").value), text: wellFormed($("text").value) };
  asked = Boolean(article.title.trim() || article.text.trim());
  $("answer").hidden = $("evidence").hidden = true;
  if (!asked) throw new RequestError("empty");
  one = await predictOne(article, chosenProfile(), signal);
  showModel(one.model);
  showArticle(one);
}

async function labelSeveral(articles, signal) {
  several = { articles, answer: null };
  const answer = await predictAll(articles, chosenProfile(), signal);
  several.answer = answer;
  showModel(answer.model);
  showTable(articles, answer.predictions, openArticle);
}

function fill(article) {
  for (const field of ["title", "text"]) {
    $(field).value = article[field];
    setDirection($(field));
  }
}

// An Arabic text may begin with a Latin name, so `dir="auto"` would not do.
function setDirection(field) {
  field.dir = /\p{Script=Arabic}/u.test(field.value) || !field.value ? "rtl" : "ltr";
}

function openArticle(article) {
  fill(article);
  run(async (signal) => {
    await labelOne(signal);
    $("answer").scrollIntoView();
    $("answer-title").focus();
  });
}

async function labelFiles(files, signal) {
  $("several").hidden = $("answer").hidden = $("evidence").hidden = true;
  [asked, several] = [false, null];
  const read = [];
  for (const file of files) read.push(await readFile(file, signal));
  const found = read.flatMap((file) => file.articles);
  const leftOut = describeLeftOut(read, found.length);
  const articles = found.slice(0, MAX_ARTICLES);
  if (!articles.length) return ["no_articles", { details: leftOut, wrong: true }];
  if (articles.length === 1) {
    fill(articles[0]);
    await labelOne(signal);
  } else {
    await labelSeveral(articles, signal);
  }
  return leftOut.length ? ["left_out", { details: leftOut }] : [];
}

function describeLeftOut(read, nFound) {
  const counts = {};
  for (const [reason, n] of read.flatMap((file) => Object.entries(file.left_out))) {
    const known = reason in LEFT_OUT ? reason : "bad_record";
    counts[known] = (counts[known] ?? 0) + n;
  }
  if (nFound > MAX_ARTICLES || read.some((file) => !file.complete)) counts.too_many = 0;
  const lines = Object.entries(counts).map(([reason, n]) => {
    const [arabic, english] = LEFT_OUT[reason];
    return say(make("span"), [n ? `${arabic} ${n}` : arabic, english]);
  });
  return [...lines, ...refusedRows(read).slice(0, MAX_DETAILS)];
}

function refusedRows(read) {
  return read.flatMap(({ name, details }) =>
    Object.values(details).map((detail) => {
      const line = make("small", "detail", `${name}: ${detail}`);
      [line.lang, line.dir] = ["en", "ltr"];
      return line;
    })
  );
}

async function relabel(signal) {
  if (several) await labelSeveral(several.articles, signal);
  if (asked) await labelOne(signal);
}

// The response of `/predict` without the evidence, which would be thousands of lines.
function withoutEvidence(answer) {
  const rows = answer.predictions.map(({ evidence, ...row }) => row);
  return { ...answer, predictions: rows };
}

function addExamples() {
  for (const example of EXAMPLES) {
    const button = say(make("button"), example.name);
    button.type = "button";
    button.addEventListener("click", () => {
      fill(example);
      run(labelOne);
    });
    $("examples").append(button);
  }
}

function choose(files) {
  if (files.length) run((signal) => labelFiles([...files], signal));
}

function addDrop() {
  const isField = (target) => target.matches?.("input, textarea");
  for (const type of ["dragover", "drop", "dragleave"]) {
    document.addEventListener(type, (event) => {
      const hasFiles = event.dataTransfer.types.includes("Files");
      document.body.classList.toggle("dropping", hasFiles && type === "dragover");
      // Without this the browser would open a dropped file or link; text may be dropped into the fields.
      if (hasFiles || !isField(event.target)) event.preventDefault();
      if (type === "drop") choose(event.dataTransfer.files);
    });
  }
}

function addEvents() {
  $("article").addEventListener("submit", (event) => {
    event.preventDefault();
    run(labelOne);
  });
  $("article").addEventListener("input", (event) => {
    if (event.target.matches("#title, #text")) setDirection(event.target);
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("article").requestSubmit();
  });
  $("profile").addEventListener("change", () => run(relabel));
  $("choose").addEventListener("click", () => $("files").click());
  $("files").addEventListener("change", () => {
    choose($("files").files);
    $("files").value = ""; // so that the same file can be chosen again
  });
  $("copy").addEventListener("click", () => copyJson(withoutEvidence(one)));
  $("copy-all").addEventListener("click", () => copyJson(several.answer));
  $("csv").addEventListener("click", () => {
    download("newsdesk.csv", toCsv(several.articles, several.answer.predictions), "text/csv;charset=utf-8");
  });
  $("close").addEventListener("click", () => {
    several = null;
    $("several").hidden = true;
  });
}

addExamples();
addDrop();
addEvents();
run(start, "");

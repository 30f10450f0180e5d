// Elements of the page. Text of an article is only inserted as text, never as markup.
import { MESSAGES } from "./texts.js";

export const $ = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Set a text in both languages.
export function say(element, [arabic, english]) {
  const small = make("small", "", english);
  small.lang = "en";
  small.dir = "ltr";
  element.replaceChildren(arabic, " ", small);
  return element;
}

// Show a message of MESSAGES, followed by other texts or elements; no code clears it.
export function showMessage(code, { details = [], wrong = false } = {}) {
  const line = $("message");
  line.dataset.code = code || "";
  line.classList.toggle("wrong", wrong);
  if (!code) return line.replaceChildren();
  say(line, MESSAGES[code]);
  for (const detail of details) line.append(" ", detail);
}

export function tableRow(...cells) {
  const row = make("tr");
  for (const cell of cells) {
    const element = make("td");
    element.append(cell);
    row.append(element);
  }
  return row;
}

export const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

export function download(name, text, type) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function copyJson(content) {
  const text = JSON.stringify(content, null, 2);
  try {
    await navigator.clipboard.writeText(text); // exists only on https and localhost
    showMessage("copied");
  } catch {
    const copied = copyBySelection(text);
    showMessage(copied ? "copied" : "copy_failed", { wrong: !copied });
  }
}

function copyBySelection(text) {
  const [area, focused] = [make("textarea"), document.activeElement];
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied;
}

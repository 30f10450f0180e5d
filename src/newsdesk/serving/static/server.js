// Requests to the server: wait while it is not ready, and name each error by a code of MESSAGES.
import { showMessage } from "./elements.js";
import { MESSAGES } from "./texts.js";

const RETRY_MS = 1000;
export const MAX_FILE_BYTES = 8 * 2 ** 20; // MAX_BYTES of the server
const CHUNK_ARTICLES = 100; // of one request, so that progress is seen
const CHUNK_CHARACTERS = 1_000_000; // at most 6 bytes each in JSON
const MAX_TOP = 1000; // all contributions of most articles, so that those of a word can be added up

export class RequestError extends Error {
  constructor(code) {
    super(code);
    this.code = code in MESSAGES ? code : "refused";
  }
}

export async function request(path, options = {}) {
  for (;;) {
    const response = await fetch(path, options).catch((error) => {
      throw options.signal?.aborted ? error : new RequestError("unreachable");
    });
    if (response.status !== 503) return parse(response);
    showMessage("not_ready");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function parse(response) {
  const content = await response.json().catch(() => ({ error: "internal" }));
  if (response.ok) return content;
  const type = content.details?.[0]?.type;
  throw new RequestError(type in MESSAGES ? type : content.error);
}

function post(path, type, body, signal) {
  return request(path, { method: "POST", headers: { "Content-Type": type }, body, signal });
}

// Return the name and the articles of a file, and the number of rows left out, by reason.
export async function readFile(file, signal) {
  if (file.size > MAX_FILE_BYTES) throw new RequestError("too_large");
  const content = await file.arrayBuffer().catch(() => {
    throw new RequestError("unreadable");
  });
  const query = new URLSearchParams({ name: file.name }); // its suffix decides where the content is ambiguous
  return { name: file.name, ...(await post(`read?${query}`, "application/octet-stream", content, signal)) };
}

export function predictOne(article, profile, signal) {
  return post("predict", "application/json", JSON.stringify({ ...article, profile, explain: true, top: MAX_TOP }), signal);
}

// Label articles by several requests; return one answer with all rows.
export async function predictAll(articles, profile, signal) {
  let answer = null;
  for (const chunk of chunks(articles)) {
    if (articles.length > CHUNK_ARTICLES) {
      showMessage("working", { details: [`${answer?.predictions.length ?? 0}/${articles.length}`] });
    }
    const next = await post("predict", "application/json", JSON.stringify({ articles: chunk, profile }), signal);
    answer = { ...next, predictions: [...(answer?.predictions ?? []), ...next.predictions] };
  }
  return answer;
}

function* chunks(articles) {
  let [chunk, characters] = [[], 0];
  for (const article of articles) {
    const length = article.title.length + article.text.length;
    if (chunk.length === CHUNK_ARTICLES || (chunk.length && characters + length > CHUNK_CHARACTERS)) {
      yield chunk;
      [chunk, characters] = [[], 0];
    }
    chunk.push(article);
    characters += length;
  }
  yield chunk;
}

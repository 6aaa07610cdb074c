// A client of the task API that uses fetch and JSON of Node.js. Numbers beyond 2 ** 53 need Node 22, others Node 20.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { ENDPOINT, API_KEY } = process.env; // ENDPOINT with the slash at the end
const ATTEMPTS = 6;
const RETRIED = new Set([429, 500, 502, 503, 504]);

/** Convert a value to JSON. A BigInt keeps all its digits; a number beyond 2 ** 53 does not. */
export function toJson(value) {
  return JSON.stringify(value, (_, one) => (typeof one === "bigint" ? JSON.rawJSON(String(one)) : one));
}

/** Parse JSON. A whole number beyond 2 ** 53 becomes a BigInt. */
export function fromJson(text) {
  return JSON.parse(text, (_, one, context) => {
    const isLarge = Number.isInteger(one) && !Number.isSafeInteger(one);
    return isLarge && /^-?\d+$/.test(context.source) ? BigInt(context.source) : one;
  });
}

/** Send a request and return the response body. Throws an error if the status is not 200. */
export async function call(method, path, body, key = randomUUID()) {
  const request = { method, headers: { "x-api-key": API_KEY } };
  if (body !== undefined) {
    Object.assign(request.headers, { "Content-Type": "application/json", "Idempotency-Key": key });
    request.body = toJson(body);
  }
  const response = await send(ENDPOINT + path, request);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${errorMessage(text)}`);
  return fromJson(text);
}

// The message of an error. For a body over 10 MB, API Gateway returns plain text instead of JSON.
function errorMessage(text) {
  try {
    const { code, message } = JSON.parse(text).error;
    return `${code}: ${message}`;
  } catch {
    return text;
  }
}

/** Submit a task with `metadata`, and `content` or `content_ref`. */
export function submit(task, key) {
  return call("POST", "v1alpha2", { task }, key);
}

/** Wait until the newest task with this id has ended. */
export async function wait(taskId) {
  for (;;) {
    const task = await call("GET", `v1alpha2/tasks/${taskId}`);
    if (!["queued", "running"].includes(task.status)) return task;
    await sleep(1000);
  }
}

// All requests can be retried: a POST has an Idempotency-Key, so it creates only one task.
async function send(url, request) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, { ...request, signal: AbortSignal.timeout(30_000) });
      if (attempt === ATTEMPTS || !RETRIED.has(response.status)) return response;
      await response.body?.cancel();
      await sleep(1000 * Number(response.headers.get("Retry-After") ?? attempt));
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await sleep(1000 * attempt);
    }
  }
}

// A client of the task API in Node's own fetch and JSON. Whole numbers beyond 2 ** 53 need Node 22; else 20 is enough.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { ENDPOINT, API_KEY } = process.env; // ENDPOINT with the slash at its end
const ATTEMPTS = 6;
const RETRIED = new Set([429, 500, 502, 503, 504]);

/** Write JSON: a BigInt keeps its digits, which a number beyond 2 ** 53 does not. */
export function toJson(value) {
  return JSON.stringify(value, (_, one) => (typeof one === "bigint" ? JSON.rawJSON(String(one)) : one));
}

/** Read JSON: a whole number beyond 2 ** 53 becomes a BigInt. */
export function fromJson(text) {
  return JSON.parse(text, (_, one, context) => {
    const isLarge = Number.isInteger(one) && !Number.isSafeInteger(one);
    return isLarge && /^-?\d+$/.test(context.source) ? BigInt(context.source) : one;
  });
}

/** Send a request and return the answer; an answer other than 200 is thrown with its words. */
export async function call(method, path, body, key = randomUUID()) {
  const request = { method, headers: { "x-api-key": API_KEY } };
  if (body !== undefined) {
    Object.assign(request.headers, { "Content-Type": "application/json", "Idempotency-Key": key });
    request.body = toJson(body);
  }
  const reply = await send(ENDPOINT + path, request);
  const text = await reply.text();
  if (reply.status !== 200) throw new Error(`${reply.status} ${words(text)}`);
  return fromJson(text);
}

// What an error says. For a body over 10 MB it is API Gateway's own text, and no JSON.
function words(text) {
  try {
    const { code, message } = JSON.parse(text).error;
    return `${code}: ${message}`;
  } catch {
    return text;
  }
}

/** Submit a task: its `metadata` and its `content` or `content_ref`. */
export function submit(task, key) {
  return call("POST", "v1alpha2", { task }, key);
}

/** Wait until the newest task of this id has ended. */
export async function wait(taskId) {
  for (;;) {
    const task = await call("GET", `v1alpha2/tasks/${taskId}`);
    if (!["queued", "running"].includes(task.status)) return task;
    await sleep(1000);
  }
}

// Every request may be sent again: a POST carries an Idempotency-Key, so it becomes one task however often it arrives.
async function send(url, request) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const reply = await fetch(url, { ...request, signal: AbortSignal.timeout(30_000) });
      if (attempt === ATTEMPTS || !RETRIED.has(reply.status)) return reply;
      await reply.body?.cancel();
      await sleep(1000 * Number(reply.headers.get("Retry-After") ?? attempt));
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await sleep(1000 * attempt);
    }
  }
}

// Wait until a task has ended, then fetch its results.
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";

import { wait } from "./client.mjs";

const task = await wait("cat-1");
console.log(task.status, task.error ?? "");
for (const { s3_url, url } of task.results) {
  const reply = await fetch(url);
  if (!reply.ok) throw new Error(`the result cannot be fetched: ${reply.status}`);
  await writeFile(basename(s3_url), Buffer.from(await reply.arrayBuffer()));
  console.log(basename(s3_url));
}

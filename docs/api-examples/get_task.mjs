// Wait until a task has ended, then download its results.
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";

import { wait } from "./client.mjs";

const task = await wait("cat-1");
console.log(task.status, task.error ?? "");
for (const { s3_url, url } of task.results) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the download failed with status ${response.status}`);
  await writeFile(basename(s3_url), Buffer.from(await response.arrayBuffer()));
  console.log(basename(s3_url));
}

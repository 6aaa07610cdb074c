// All tasks of a runtime, newest first, page by page.
import { call } from "./client.mjs";

const query = new URLSearchParams({ runtime: process.env.SDWEBUI_RUNTIME, limit: 10 });
for (;;) {
  const page = await call("GET", `v1alpha2/tasks?${query}`);
  for (const task of page.tasks) console.log(task.id, task.submission, task.status);
  if (!page.next) break;
  query.set("next", page.next);
}

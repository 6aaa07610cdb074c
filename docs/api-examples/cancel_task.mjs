// Cancel a task.
import { call } from "./client.mjs";

const task = await call("POST", "v1alpha2/tasks/cat-1/cancel");
console.log(task.status);

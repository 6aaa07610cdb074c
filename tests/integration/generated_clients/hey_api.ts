// A client of @hey-api/openapi-ts.
import { client } from "./hey_api_client/client.gen.js";
import * as sdk from "./hey_api_client/sdk.gen.js";
import type { TaskMetadata, TextToImage } from "./hey_api_client/types.gen.js";
import { API_KEY, baseUrl, main } from "./scenario.js";

client.setConfig({ baseUrl, auth: API_KEY });

async function answer<Data>(call: Promise<{ data: Data }>): Promise<Data> {
  return (await call).data;
}

const throwOnError = true;

await main({
  submitTask: (body, key) =>
    answer(sdk.submitTask({ body, headers: { "Idempotency-Key": key }, throwOnError })),
  submitV1alpha1: (body) => answer(sdk.submitV1Alpha1({ body, throwOnError })),
  createUpload: (body) => answer(sdk.createUpload({ body, throwOnError })),
  getTask: (id) => answer(sdk.getTask({ path: { id }, query: { position: "1" }, throwOnError })),
  listTasks: (query) => answer(sdk.listTasks({ query, throwOnError })),
  cancelTask: (id, submission) => answer(sdk.cancelTask({ path: { id }, query: { submission }, throwOnError })),
});

// @ts-expect-error (the type of a field is known)
const _wrongField: TextToImage = { prompt: "x", steps: "many" };
// @ts-expect-error (and so are the choices)
const _wrongChoice: TaskMetadata = { id: "a", runtime: "sd", tasktype: "text-to-text" };

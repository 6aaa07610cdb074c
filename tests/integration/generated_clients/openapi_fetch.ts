// A client of openapi-typescript and openapi-fetch.
import createClient from "openapi-fetch";

import type { paths } from "./openapi_fetch_client/schema.js";
import { API_KEY, baseUrl, main } from "./scenario.js";

const client = createClient<paths>({ baseUrl, headers: { "x-api-key": API_KEY } });

async function answer<Data>(call: Promise<{ data?: Data; error?: unknown }>): Promise<Data> {
  const { data, error } = await call;
  if (data === undefined) throw error;
  return data;
}

await main({
  submitTask: (body, key) => answer(client.POST("/v1alpha2", { body, params: { header: { "Idempotency-Key": key } } })),
  submitV1alpha1: (body) => answer(client.POST("/v1alpha1", { body })),
  createUpload: (body) => answer(client.POST("/v1alpha2/uploads", { body })),
  getTask: (id) => answer(client.GET("/v1alpha2/tasks/{id}", { params: { path: { id }, query: { position: "1" } } })),
  listTasks: (query) => answer(client.GET("/v1alpha2/tasks", { params: { query } })),
  cancelTask: (id, submission) =>
    answer(client.POST("/v1alpha2/tasks/{id}/cancel", { params: { path: { id }, query: { submission } } })),
});

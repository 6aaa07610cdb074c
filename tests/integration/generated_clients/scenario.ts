// The steps of each TypeScript client. Types are those of openapi-typescript; those of the other client must be compatible.
import type { components } from "./openapi_fetch_client/schema.js";

declare const process: { env: Record<string, string>; argv: string[] };

export type Schemas = components["schemas"];
export type Failure = { error: Schemas["Error"] };

/** One call of each operation; a failure is thrown. */
export interface Api {
  submitTask(body: Schemas["SubmitTask"], key: string): Promise<Schemas["Submitted"]>;
  submitV1alpha1(body: Schemas["SubmitV1alpha1"]): Promise<Schemas["SubmittedV1alpha1"]>;
  createUpload(body: Schemas["UploadRequest"]): Promise<Schemas["Upload"]>;
  getTask(id: string): Promise<Schemas["Task"]>;
  listTasks(query: { runtime: string; status: "completed"; limit: number; next?: string }): Promise<Schemas["TaskList"]>;
  cancelTask(id: string, submission: string): Promise<Schemas["Task"]>;
}

const { ENDPOINT = "", API_KEY = "", IMAGE = "", WORKFLOW = "", PREFIX = "" } = process.env;
const baseUrl = ENDPOINT.replace(/\/$/, "");

export { API_KEY, baseUrl };

/** A whole number beyond 2 ** 53, which `JSON.stringify` writes digit by digit. */
function exact(digits: string): number {
  return (JSON as unknown as { rawJSON(text: string): number }).rawJSON(digits);
}

async function upload(api: Api, content_type: Schemas["UploadRequest"]["content_type"], body: Uint8Array<ArrayBuffer>) {
  const { url, method, headers, content_ref } = await api.createUpload({ content_type, content_length: body.length });
  const reply = await fetch(url, { method, headers, body });
  if (!reply.ok) throw new Error(`the upload was refused: ${reply.status}`);
  return content_ref;
}

async function wait(api: Api, id: string) {
  for (;;) {
    const task = await api.getTask(id);
    if (task.status !== "queued" && task.status !== "running") return task;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function textToImage(api: Api) {
  const task: Schemas["SubmitTask"]["task"] = {
    metadata: {
      id: `${PREFIX}text`,
      runtime: "sd",
      tasktype: "text-to-image",
      prefix: "generated",
      context: { user: "ann", tags: [1, 2.5, null] },
    },
    content: {
      prompt: "a cat",
      negative_prompt: "blurry",
      steps: 20,
      width: 64,
      height: 48,
      seed: exact("9223372036854775783"),
      override_settings: { CLIP_stop_at_last_layers: 2 },
      script_args: [1, "two"],
      alwayson_scripts: { ADetailer: { args: [true, { ad_model: "face_yolov8n.pt" }] } },
      send_images: true,
      an_extensions_field: { of: ["any", "kind"] },
    },
  };
  return api.submitTask({ task }, task.metadata.id);
}

async function submitAll(api: Api) {
  const submitted = await textToImage(api);
  const image = Uint8Array.from(atob(IMAGE), (letter) => letter.charCodeAt(0));
  const content: Schemas["ImageToImage"] = { prompt: "a dog", init_images: [IMAGE] };
  const tasks: Schemas["SubmitTask"]["task"][] = [
    {
      metadata: {
        id: `${PREFIX}pipeline`,
        runtime: "comfy",
        tasktype: "pipeline",
        inputs: { "portrait.png": await upload(api, "image/png", image) },
      },
      content: JSON.parse(WORKFLOW) as Schemas["Pipeline"],
    },
    {
      metadata: { id: `${PREFIX}image`, runtime: "sd", tasktype: "image-to-image" },
      content_ref: await upload(api, "application/json", new TextEncoder().encode(JSON.stringify(content))),
    },
    {
      metadata: { id: `${PREFIX}single`, runtime: "sd", tasktype: "extra-single-image" },
      content: { image: IMAGE, upscaling_resize: 2 },
    },
    {
      metadata: { id: `${PREFIX}batch`, runtime: "sd", tasktype: "extra-batch-images" },
      content: { imageList: [{ name: "one.png", data: IMAGE }], upscaling_resize: 2 },
    },
  ];
  for (const task of tasks) await api.submitTask({ task }, task.metadata.id);
  await api.submitV1alpha1({
    alwayson_scripts: {
      task: "text-to-image",
      id_task: `${PREFIX}v1alpha1`,
      sd_model_checkpoint: "v1-5-pruned-emaonly.safetensors",
      uid: "ann",
    },
    prompt: "a bird",
    steps: 10,
  });
  return submitted;
}

async function list(api: Api) {
  const ids: string[] = [];
  const query: Parameters<Api["listTasks"]>[0] = { runtime: "sd", status: "completed", limit: 2 };
  for (;;) {
    const { tasks, next } = await api.listTasks(query);
    ids.push(...tasks.map((task) => task.id));
    if (next === undefined) return ids;
    query.next = next;
  }
}

async function codeOfUnknownRuntime(api: Api) {
  const metadata = { id: "a", runtime: "none", tasktype: "pipeline" } as const;
  try {
    await api.submitTask({ task: { metadata, content: {} } }, "none");
  } catch (failure) {
    return (failure as Schemas["Error"]).error.code;
  }
  return "none";
}

async function run(api: Api) {
  const submitted = await submitAll(api);
  const tasks: Record<string, Schemas["Task"]> = {};
  for (const name of ["text", "pipeline", "image", "single", "batch", "v1alpha1"]) {
    tasks[name] = await wait(api, PREFIX + name);
  }
  return { submitted, tasks, listed: await list(api), code: await codeOfUnknownRuntime(api) };
}

async function cancel(api: Api) {
  const { id, submission } = await textToImage(api);
  const cancelled = await api.cancelTask(id, submission);
  return [cancelled.status, (await api.getTask(id)).status];
}

/** Run the step that the first argument names, and print its result. */
export async function main(api: Api) {
  console.log(JSON.stringify(process.argv[2] === "cancel" ? await cancel(api) : await run(api)));
}

// @ts-expect-error (the type of a field is known)
const _wrongField: Schemas["TextToImage"] = { prompt: "x", steps: "many" };
// @ts-expect-error (and so are the choices)
const _wrongChoice: Schemas["TaskMetadata"] = { id: "a", runtime: "sd", tasktype: "text-to-text" };

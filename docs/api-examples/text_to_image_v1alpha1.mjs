// Text to image with the request body of the SD Web UI; the checkpoint selects the runtime.
import { call } from "./client.mjs";

const response = await call("POST", "v1alpha1", {
  alwayson_scripts: {
    task: "text-to-image",
    id_task: "cat-5",
    sd_model_checkpoint: "v1-5-pruned-emaonly.safetensors",
    save_dir: "campaign-7",
    uid: "ann",
  },
  prompt: "a cat in a spacesuit, photograph",
  steps: 20,
  width: 512,
  height: 512,
});
console.log(response.output_location);

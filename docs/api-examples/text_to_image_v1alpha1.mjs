// Text to image with the SD Web UI's own body: the checkpoint names the runtime.
import { call } from "./client.mjs";

const answer = await call("POST", "v1alpha1", {
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
console.log(answer.output_location);

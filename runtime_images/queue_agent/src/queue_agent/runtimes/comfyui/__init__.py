"""Client of ComfyUI, with its HTTP API and its websocket.

https://docs.comfy.org/development/comfyui-server/comms_routes

    server          readiness, interrupt, preparation of tasks
    workflow        the graph: validation, seeds, models, duration key
    uploads         uploads inputs to the server
    request         one inference
    events          events of the websocket
    watch           polls the state of a prompt
    progress        progress of a workflow
    outputs         outputs of a workflow
    ui_values       files and texts in the `ui` values of nodes
    socket_images   images that nodes send over the websocket
    finished_files  the list of files that the janitor deletes
    refusal         converts the error messages of the server
"""

from queue_agent.runtimes.comfyui.server import ComfyUi

__all__ = ["ComfyUi"]

"""Inputs that a task can refer to: validated at submit by the task API, fetched by the agent.

image_fields     fields of an SD Web UI request body that hold images
script_links     links in script arguments, which the server would fetch itself
links            detects links, and parses S3 links
workflow_files   the inputs that a ComfyUI workflow names
public_hosts     the hosts that links may use
kinds            what inputs can be: images, or any media
sizes            maximum sizes of inputs
"""

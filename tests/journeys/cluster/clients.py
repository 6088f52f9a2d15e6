"""Asks through the edge as KServe's own client does: `clients.py HOST MODEL REQUEST` prints who answered, V1 and V2."""

import asyncio
import json
import sys

from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

KINDS = {str: "BYTES", int: "INT64", float: "FP64"}


async def ask(host: str, model: str, request: dict) -> dict[str, object]:
    """One question by either protocol."""
    base = f"http://{host}"
    first = InferenceRESTClient(config=RESTConfig(protocol="v1", timeout=20))
    second = InferenceRESTClient(config=RESTConfig(protocol="v2", timeout=20))
    try:
        said = await first.infer(base, {"instances": [request]}, model_name=model)
        inputs = [InferInput(name, [1], KINDS[type(value)], [value]) for name, value in request.items()]
        other = await second.infer(base, InferRequest(model, inputs), model_name=model)
        outputs = {output.name: output.as_numpy().tolist()[0] for output in other.outputs}
        ready = await second.is_model_ready(base, model)
    finally:
        await first.close()
        await second.close()
    return {"v1": said["predictions"][0]["probability"], "v2": outputs["probability"], "ready": ready}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))

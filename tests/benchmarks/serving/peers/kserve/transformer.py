"""The standard way to a prediction with features: a KServe transformer that asks Feast, then a KServe predictor.

    python transformer.py --feast_port PORT --use_case DIRECTORY --model_name NAME --http_port PORT \
        --predictor_host HOST:PORT --predictor_protocol v2

Feast's feature server is asked over HTTP for all views at once, on a connection that is kept; the row is derived by the
same function as everywhere, and KServe's own client asks the predictor.
"""

import argparse
import sys
from pathlib import Path

import httpx
from kserve import InferInput, InferRequest, Model, ModelServer, logging, model_server

KEYS = ("line", "station", "platform")
FEATURES = (
    "station_now:waiting",
    "station_now:delay",
    "station_now:weather",
    "line_record:late_share",
    "line_record:runs",
    "platform_record:closed",
    "platform_record:since",
    "platform_record:late_share",
)


class Transformer(Model):
    """Adds features to a request before KServe sends it on."""

    def __init__(self, name: str, feast_port: int, use_case: Path) -> None:
        super().__init__(name)
        sys.path.insert(0, str(use_case))
        from derive import derive

        self._derive = derive
        self._feast = httpx.AsyncClient(base_url=f"http://127.0.0.1:{feast_port}")
        self.ready = True

    async def preprocess(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferRequest:
        """The derived row of each row that names things, as one tensor."""
        columns = {tensor.name: tensor.data for tensor in payload.inputs}
        entities = {key: list(columns[key]) for key in KEYS}
        asked = {"features": FEATURES, "entities": entities, "full_feature_names": True}
        response = await self._feast.post("/get-online-features", json=asked)
        response.raise_for_status()
        found = response.json()
        names, results = found["metadata"]["feature_names"], found["results"]
        rows = []
        for row in range(len(columns["load"])):
            features = {name: result["values"][row] for name, result in zip(names, results, strict=True)}
            rows.append(self._derive({"load": columns["load"][row]}, features))
        tensor = InferInput("rows", [len(rows), len(rows[0])], "FP32", [value for row in rows for value in row])
        return InferRequest(self.name, [tensor])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--feast_port", type=int, required=True)
    parser.add_argument("--use_case", type=Path, required=True)
    options = parser.parse_args()
    logging.configure_logging(options.log_config_file)
    ModelServer().start([Transformer(options.model_name, options.feast_port, options.use_case)])

"""A FastAPI endpoint without BentoML, middleware or work: how fast this machine is at this moment."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from fastapi.responses import Response

app = FastAPI(openapi_url=None)


@app.post("/noop")
async def noop() -> Response:
    """Nothing."""
    return Response(b"{}", media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)

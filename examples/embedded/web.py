"""A FastAPI application with an engine in it: orders come in over its own routes; cockpit and REST API below /penstock.

PENSTOCK_STORE   sqlite:///shop.db, postgresql://… (then several processes may share it), memory://

    uvicorn web:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from shop import CENTS, Shop, prices

from penstock.base.errors import NotFound
from penstock.embedded import Engine

engine = Engine(os.environ.get("PENSTOCK_STORE", "sqlite:///shop.db"))
engine.include(Shop())
engine.delegate("prices")(prices)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with engine:
        await engine.deploy(Path(__file__).with_name("order.bpmn"))
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/penstock", engine.asgi())


class Order(BaseModel):
    item: str
    pieces: int
    card: str = "valid"


@app.put("/orders/{number}", status_code=202)
async def order(number: str, body: Order) -> dict[str, Any]:
    """Taken once, however often it is sent: what is acknowledged is durable."""
    if body.item not in CENTS:
        raise HTTPException(422, f"there are {', '.join(CENTS)}")
    instance = await engine.start("shop-order", body.model_dump(), business_key=number, idempotency_key=number)
    return {"order": number, "instance": instance.id}


@app.get("/orders/{number}")
async def look(number: str) -> dict[str, Any]:
    found = await engine.history(process_instance_business_key=number, process_definition_key="shop-order")
    if not found:
        raise HTTPException(404, f"there is no order {number}")
    where = [step.activity_name for step in await engine.activities(process_instance_id=found[0].id, unfinished=True)]
    return {"state": found[0].state, "at": where, **await engine.historic_variables(found[0].id)}


@app.post("/orders/{number}/card")
async def another_card(number: str, card: str) -> dict[str, Any]:
    """The customer names another card: the task of whoever asked for it is done."""
    asked = await engine.tasks(process_instance_business_key=number, task_definition_key="ask")
    if not asked:
        raise HTTPException(409, f"order {number} waits for no card")
    try:
        await engine.complete(asked[0].id, {"card": card})
    except NotFound:
        raise HTTPException(409, f"order {number} has its card already") from None
    return {"order": number}


@app.get("/ready")
async def ready() -> dict[str, Any]:
    health = engine.health()
    if not health["ready"]:
        raise HTTPException(503, health["problems"])
    return {"ready": True}

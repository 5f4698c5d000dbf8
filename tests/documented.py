"""Whether the service answered as its document says.

What comes in: what was asked and the reply. What goes out: nothing, or a test that fails.
"""

from __future__ import annotations

from pydantic import BaseModel

from intentml.service import responses
from intentml.service.requests import ErrorAnswer
from served import Reply

STATUSES = {200, 400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503}
ANSWERS: dict[str, type[BaseModel]] = {
    "/interested_in": responses.InterestedInAnswer,
    "/recommend": responses.RecommendAnswer,
    "/customers": responses.CustomersAnswer,
    "/lifecycle": responses.LifecycleAnswer,
    "/predict": responses.PredictAnswer,
    "/explain": responses.ExplainAnswer,
    "/orders": responses.OrdersAnswer,
    "/audiences": responses.AudiencesAnswer,
    "/audiences/preview": responses.PreviewAnswer,
    "/audiences/members": responses.MembersAnswer,
    "/audiences/explain": responses.ReasonAnswer,
    "/audiences/compare": responses.CompareAnswer,
    "/admin/reload": responses.ReloadAnswer,
    "/health": responses.HealthAnswer,
    "/ready": responses.ReadyAnswer,
    "/version": responses.VersionAnswer,
}


def check_reply(path: str, reply: Reply) -> None:
    """Fail unless the reply has a documented status, its body's model, its type and its id."""
    assert reply.status in STATUSES, (path, reply.status, reply.text[:300])
    assert reply.headers["content-type"] == "application/json"
    assert "Traceback" not in reply.text
    model = ANSWERS[path] if reply.status == 200 else ErrorAnswer
    told = model.model_validate_json(reply.text, strict=True)
    assert reply.headers["x-request-id"]
    if isinstance(told, ErrorAnswer):
        assert told.error.request_id == reply.headers["x-request-id"]
        assert told.error.message

"""Creating is retry-safe: by id or by client token, one after the other or all at once."""

NEW = {"targets": ["t1", "t2"], "targetSelection": "SNAPSHOT", "document": '{"operation":"echo"}'}


def test_create_job_again_with_the_same_id_and_body_answers_the_same(door):
    first = door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    assert door.ok("POST", "/jobs", {**NEW, "jobId": "one"}) == first
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1


def test_create_job_again_with_the_same_id_and_another_body_is_409(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    reply = door("POST", "/jobs", {**NEW, "jobId": "one", "description": "other"})
    assert reply.status == 409
    assert "one" in reply.error


def test_create_job_with_a_client_token_is_retry_safe(door):
    first = door.ok("POST", "/jobs", {**NEW, "clientToken": "try-1"})
    assert door.ok("POST", "/jobs", {**NEW, "clientToken": "try-1"}) == first
    assert door("POST", "/jobs", {**NEW, "clientToken": "try-1", "targets": ["t9"]}).status == 409
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1

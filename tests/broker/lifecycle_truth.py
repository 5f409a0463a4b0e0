"""What really happened to jobs and executions: triggers of the database write it down, past all our code."""

import json

TRUTH = """
CREATE TABLE truth (id INTEGER PRIMARY KEY, said TEXT NOT NULL);
CREATE TRIGGER ended AFTER INSERT ON execution_events
WHEN NEW.to_status NOT IN ('QUEUED', 'IN_PROGRESS') BEGIN
  INSERT INTO truth (said) SELECT job_id || '/' || name || '#' || NEW.number || ' ' || lower(NEW.to_status)
  FROM jobs, things WHERE jobs.id = NEW.job AND things.id = NEW.thing;
END;
CREATE TRIGGER forgotten BEFORE DELETE ON executions BEGIN
  INSERT INTO truth (said) SELECT job_id || '/' || name || '#' || OLD.number || ' deleted'
  FROM jobs, things WHERE jobs.id = OLD.job AND things.id = OLD.thing;
END;
CREATE TRIGGER completed AFTER UPDATE OF status ON jobs
WHEN NEW.status = 'COMPLETED' AND OLD.status <> 'COMPLETED' BEGIN
  INSERT INTO truth (said) VALUES (NEW.job_id || ' completed');
END;
CREATE TRIGGER begun AFTER UPDATE OF sweep ON jobs WHEN NEW.sweep <> '' BEGIN
  INSERT INTO truth (said) VALUES (NEW.job_id || CASE NEW.sweep
  WHEN 'DELETE' THEN ' deletion_in_progress' ELSE ' cancellation_in_progress' END);
END;
CREATE TRIGGER through AFTER UPDATE OF sweep ON jobs WHEN NEW.sweep = '' AND OLD.sweep <> '' BEGIN
  INSERT INTO truth (said) VALUES (NEW.job_id || ' canceled');
END;
CREATE TRIGGER gone AFTER DELETE ON jobs BEGIN
  INSERT INTO truth (said) VALUES (OLD.job_id || ' deleted');
END;
"""

#: The same on PostgreSQL.
POSTGRES_TRUTH = """
CREATE TABLE truth (id BIGSERIAL PRIMARY KEY, said TEXT NOT NULL);
CREATE FUNCTION ended() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO truth (said) SELECT job_id || '/' || name || '#' || NEW.number || ' ' || lower(NEW.to_status)
  FROM jobs, things WHERE jobs.id = NEW.job AND things.id = NEW.thing;
  RETURN NULL;
END $$;
CREATE TRIGGER ended AFTER INSERT ON execution_events FOR EACH ROW
WHEN (NEW.to_status NOT IN ('QUEUED', 'IN_PROGRESS')) EXECUTE FUNCTION ended();
CREATE FUNCTION forgotten() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO truth (said) SELECT job_id || '/' || name || '#' || OLD.number || ' deleted'
  FROM jobs, things WHERE jobs.id = OLD.job AND things.id = OLD.thing;
  RETURN OLD;
END $$;
CREATE TRIGGER forgotten BEFORE DELETE ON executions FOR EACH ROW EXECUTE FUNCTION forgotten();
CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.status = 'COMPLETED' AND OLD.status <> 'COMPLETED' THEN
    INSERT INTO truth (said) VALUES (NEW.job_id || ' completed');
  ELSIF NEW.sweep <> '' AND OLD.sweep <> NEW.sweep THEN
    INSERT INTO truth (said) VALUES (NEW.job_id || CASE NEW.sweep
    WHEN 'DELETE' THEN ' deletion_in_progress' ELSE ' cancellation_in_progress' END);
  ELSIF NEW.sweep = '' AND OLD.sweep <> '' THEN
    INSERT INTO truth (said) VALUES (NEW.job_id || ' canceled');
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER UPDATE OF status, sweep ON jobs FOR EACH ROW EXECUTE FUNCTION changed();
CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO truth (said) VALUES (OLD.job_id || ' deleted');
  RETURN NULL;
END $$;
CREATE TRIGGER gone AFTER DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION gone();
"""
TRUTHS = {"sqlite": TRUTH, "postgresql": POSTGRES_TRUTH}


def said(topic: str, payload: bytes) -> str:
    """Return an event that was heard as the triggers would write it down."""
    body = json.loads(payload)
    assert topic == f"$aws/events/{KINDS[body['eventType']]}/{body['jobId']}/{body['operation']}"
    assert body["status"] == body["operation"].upper()
    if body["eventType"] == "JOB":
        return f"{body['jobId']} {body['operation']}"
    thing = body["thingArn"].rpartition("/")[2]
    return f"{body['jobId']}/{thing}#{body['executionNumber']} {body['operation']}"


KINDS = {"JOB": "job", "JOB_EXECUTION": "jobExecution"}

"""What callers of AWS's planes are told when it is our fault: the one code of trouble of each operation."""

from asking import refused
from sqlalchemy import text

from api.aws.operations import CONTROL, DATA

#: Calls by operation, with the class and status of trouble that the service's model has for it.
DEVICE = ("ServiceUnavailableException", 503)
TEMPLATE = ("InternalFailureException", 500)
MANAGED = ("InternalServerException", 500)
CALLS = {
    "GetPendingJobExecutions": ("get_pending_job_executions", {"thingName": "t"}, DEVICE),
    "StartNextPendingJobExecution": ("start_next_pending_job_execution", {"thingName": "t"}, DEVICE),
    "DescribeJobExecution": ("describe_job_execution", {"thingName": "t", "jobId": "j"}, DEVICE),
    "UpdateJobExecution": (
        "update_job_execution",
        {"thingName": "t", "jobId": "j", "status": "SUCCEEDED"},
        DEVICE,
    ),
    "CreateJobTemplate": (
        "create_job_template",
        {"jobTemplateId": "x", "description": "d", "document": "{}"},
        TEMPLATE,
    ),
    "DescribeJobTemplate": ("describe_job_template", {"jobTemplateId": "x"}, TEMPLATE),
    "ListJobTemplates": ("list_job_templates", {}, TEMPLATE),
    "DeleteJobTemplate": ("delete_job_template", {"jobTemplateId": "x"}, TEMPLATE),
    "ListManagedJobTemplates": ("list_managed_job_templates", {}, MANAGED),
    "DescribeManagedJobTemplate": ("describe_managed_job_template", {"templateName": "AWS-Reboot"}, MANAGED),
}


def call(site, operation):
    name, said, trouble = CALLS[operation]
    client = site.jobs_data if trouble == DEVICE else site.iot
    return refused(getattr(client, name), **said), trouble


def test_every_operation_of_the_devices_and_of_templates_is_here():
    operations = {each.name for each in (*DATA, *CONTROL) if each.name in CALLS}
    assert operations == set(CALLS)
    assert {each.name for each in DATA} <= operations
    assert {each.name for each in CONTROL if "Template" in each.name} <= operations


def test_while_the_store_is_closed_each_says_so_in_its_own_word(site):
    _ = site.iot, site.jobs_data
    site.door.run(site.door.store.close())
    for operation in CALLS:
        (code, status, message), trouble = call(site, operation)
        assert (code, status) == trouble, operation
        assert message == "the store is closed"


def test_a_failure_of_ours_tells_its_number_to_the_caller_and_its_cause_to_the_log_only(site, caplog):

    def break_down(connection):
        for table in ("templates", "executions"):
            connection.execute(text(f"DROP TABLE {table}"))

    site.door.ok("POST", "/things", {"thingName": "t"})
    site.door.run(site.door.store.write(break_down))
    for operation in ("ListJobTemplates", "GetPendingJobExecutions"):
        caplog.clear()
        (code, status, message), trouble = call(site, operation)
        assert (code, status) == trouble
        assert message.startswith("internal error, request id ")
        assert message.split()[-1] in caplog.text
        assert "no such table" in caplog.text

"""The tables of docs/aws.md say what code and AWS's service models say now."""

import sys

from walkthrough import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import aws_table


def test_the_tables_are_what_the_script_would_write():
    page = aws_table.PAGE.read_text(encoding="utf-8")
    assert page == aws_table.filled(page), "run `make tables`"


def test_every_operation_on_jobs_that_aws_has_is_here():
    # These are other features that have the word in their name.
    other = {"CreateOTAUpdate", "StartCommandExecution"}
    for name, operations in aws_table.PLANES:
        theirs = {
            each for each in aws_table.service(name).operation_names if aws_table.about_jobs(each)
        } - other
        assert theirs <= {operation.name for operation in operations}


def test_the_table_speaks_of_every_field_of_the_shapes_of_jobs():
    page = aws_table.PAGE.read_text(encoding="utf-8")
    for name, operations in aws_table.PLANES:
        for operation in operations:
            if aws_table.about_jobs(operation.name):
                shape = aws_table.service(name).operation_model(operation.name).input_shape
                for member in shape.members:
                    suffix = " (data plane)" if name == "iot-jobs-data" else ""
                    assert f"| {shape.name}{suffix} | `{member}` | " in page

"""What a report says of a finding, and the value that follows by a policy."""

from __future__ import annotations

from typing import Literal, get_args

Status = Literal["present", "absent", "uncertain", "unmentioned"]
STATUSES: tuple[Status, ...] = get_args(Status)
PRESENT: Status = "present"
ABSENT: Status = "absent"
UNCERTAIN: Status = "uncertain"
UNMENTIONED: Status = "unmentioned"

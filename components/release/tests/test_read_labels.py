"""The labels that a rollout is judged by: a file that anybody may write."""

from datetime import UTC, datetime

import pytest
from windsock.contracts.errors import InputError
from windsock.release.evidence import Labels
from windsock.release.place import read_labels

LATER = datetime(2013, 7, 2, 6, tzinfo=UTC)
BOTH = Labels({"a/1": True, "b,2": False}, LATER)


@pytest.mark.parametrize(
    "content",
    [
        'key,label,event_time\na/1,1,2013-07-01T06:00:00Z\n"b,2",0,2013-07-02T06:00:00Z\n',
        'event_time,note,label,key\n2013-07-02T08:00:00+02:00,,1,a/1\n\n2013-07-01,x,0,"b,2"\n',
        'key,label,event_time\na/1,0,2013-07-02T06:00:00Z\n"b,2",0,2013-07-01\na/1,1,2013-07-01\n',
    ],
    ids=["as monitoring writes it", "other columns, an empty line", "the last line about a thing counts"],
)
def test_keys_outcomes_and_until_when_they_are_known(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    assert read_labels(str(path)) == BOTH


@pytest.mark.parametrize("content", ["", "key,label,event_time\n"])
def test_no_line_is_no_label(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    assert read_labels(str(path)) == read_labels("") == Labels()


@pytest.mark.parametrize(
    "content, said",
    [
        ("key,label,event_time\na,2,2013-07-01\n", "labels: got {'key': 'a', 'label': '2'.*expected key, label"),
        ("key,label,event_time\n,1,2013-07-01\n", "labels: got {'key': ''"),
        ("key,label,event_time\na\n", "labels: got {'key': 'a'}"),
        ("thing,label,event_time\na,1,2013-07-01\n", "labels: got {'thing': 'a'"),
        ("key,label,event_time\na,1,soon\n", "event_time: got 'soon'"),
        ("key,label\na,1\n", "event_time: got ''"),
    ],
)
def test_what_is_no_label_is_named(tmp_path, content, said):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_labels(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"labels: got .*nowhere\.csv"):
        read_labels(str(tmp_path / "nowhere.csv"))

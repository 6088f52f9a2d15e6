from datetime import UTC, datetime

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.journal.lines import SUFFIX, decode_lines, encode_lines
from windsock.contracts.journal.reading import Reading
from windsock.contracts.journal.sinks import DirectorySink, batch_name
from windsock.contracts.record_chain import Audit, Fault, Head, genesis, seal

WRITER = "local.013f98d0-fb00-7014-8081-b64702f616b2"
OTHER = "local.013f98d0-fb00-7014-8081-b64702f616b3"


@pytest.fixture
def sink(tmp_path):
    return DirectorySink(tmp_path)


def chained(predictions, writer=WRITER):
    head, links = genesis(writer), []
    for made in predictions:
        links.append(seal(writer, head, made.encode()))
        head = Head(links[-1].sequence, links[-1].digest)
    return links


def put(sink, links, name=None):
    content, from_day, to_day = encode_lines(links)
    name = name or batch_name(links[0].writer, links[0].sequence, links[-1].sequence, from_day, to_day, SUFFIX)
    sink.put(name, content)
    return name


def read(sink, **arguments):
    reading = Reading(sink, {SUFFIX: decode_lines}, **arguments)
    return list(reading), reading


def test_nothing_is_nothing_wrong(sink):
    found, reading = read(sink)
    assert (found, reading.clean, reading.audits) == ([], True, {})


def test_a_batch_that_arrived_twice_under_two_names_counts_once(sink, prediction):
    links = chained(map(prediction, range(10)))
    put(sink, links[:6])
    put(sink, links[3:])
    found, reading = read(sink)
    assert len(found) == 10
    assert reading.clean
    assert reading.audits[WRITER].duplicates == 3


def test_a_prediction_that_was_recorded_twice_counts_once(sink, prediction):
    made = prediction(1)
    put(sink, chained([made, made, prediction(2)]))
    found, reading = read(sink)
    assert len(found) == 2
    assert reading.repeated == 1


def test_an_object_that_was_deleted_is_a_gap(sink, prediction, tmp_path):
    links = chained(map(prediction, range(9)))
    for begin in (0, 3, 6):
        name = put(sink, links[begin : begin + 3])
        if begin == 3:
            (tmp_path / name).unlink()
    found, reading = read(sink)
    assert len(found) == 6
    assert reading.audits[WRITER].faults == [Fault(WRITER, 4, 6, "gap")]


def test_the_last_object_is_missed_by_whoever_noted_the_head(sink, prediction, tmp_path):
    links = chained(map(prediction, range(6)))
    put(sink, links[:3])
    assert read(sink)[1].clean
    noted = {WRITER: Head(6, links[-1].digest), OTHER: Head(1, bytes(32))}
    reading = read(sink, heads=noted)[1]
    assert reading.audits[WRITER].faults == [Fault(WRITER, 4, 6, "gap")]
    assert reading.audits[OTHER].faults == [Fault(OTHER, 1, 1, "gap")]


def test_an_edited_line_is_left_out_and_named(sink, prediction, tmp_path):
    name = put(sink, chained(map(prediction, range(5))))
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b'request-2\\"', b'request-7\\"'))
    found, reading = read(sink)
    assert [one.request_id for one in found] == ["request-0", "request-1", "request-3", "request-4"]
    assert reading.audits[WRITER].faults == [Fault(WRITER, 3, 3, "edited")]


@pytest.mark.parametrize("content", [b"garbage\n", b"\xff\n", b'{"writer":"x"}\n', b"[]\n"])
def test_an_object_that_is_no_batch_is_named_and_the_rest_is_read(sink, prediction, tmp_path, content):
    links = chained(map(prediction, range(6)))
    put(sink, links[:3])
    name = put(sink, links[3:])
    (tmp_path / name).write_bytes(content)
    sink.put("notes.txt", b"")
    found, reading = read(sink)
    assert len(found) == 3
    assert set(reading.unreadable) == {name, "notes.txt"}
    assert not reading.clean


def test_a_batch_under_another_name_is_refused(sink, prediction):
    links = chained(map(prediction, range(6)))
    name = put(sink, links[:3], batch_name(WRITER, 4, 6, "2013-07-01", "2013-07-01", SUFFIX))
    assert read(sink)[1].unreadable.keys() == {name}


def test_a_writer_that_lost_its_disk_is_a_second_chain(sink, prediction):
    put(sink, chained(map(prediction, range(3))))
    put(sink, chained(map(prediction, range(2)), OTHER))
    found, reading = read(sink)
    assert len(found) == 5
    assert {writer: audit.accepted for writer, audit in reading.audits.items()} == {WRITER: 3, OTHER: 2}


def test_a_few_days_are_read_alone(sink, prediction):
    days = [
        prediction(number, predicted_at=datetime(2013, 7, day, tzinfo=UTC))
        for number, day in enumerate((1, 2, 3, 3, 4))
    ]
    links = chained(days)
    put(sink, links[:2])
    put(sink, links[2:4])
    last = put(sink, links[4:])
    sink.put(last, b"garbage\n")
    found, reading = read(sink, days=("2013-07-02", "2013-07-03"))
    assert [one.predicted_at.day for one in found] == [2, 3, 3]
    assert reading.clean
    assert reading.audits == {WRITER: Audit(WRITER, 4, 0, 1, Head(4, links[3].digest))}


def test_lines_come_back_as_they_were(prediction):
    links = chained([prediction(request={"name": 'line\nend \u2028 "quoted" \\ \x00 é'})])
    assert decode_lines(encode_lines(links)[0]) == links
    with pytest.raises(InputError):
        decode_lines(b"{\n")


def test_what_is_passed_over_is_counted_and_checked_as_all_else(sink, prediction):
    links = chained(map(prediction, range(6)))
    edited = links[3]._replace(body=prediction(7).encode())
    put(sink, [*links[:3], edited, *links[4:]])
    unwanted = {links[1].body, edited.body, links[5].body}
    found, reading = read(sink, passed_over=unwanted.__contains__)
    assert [made.encode() for made in found] == [links[0].body, links[2].body, links[4].body]
    assert reading.passed == 2
    assert reading.audits[WRITER].faults == [Fault(WRITER, 4, 4, "edited")]

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windsock.contracts.errors import InputError
from windsock.contracts.record_chain import (
    Audit,
    Fault,
    Head,
    Sealed,
    accepted,
    accepted_alone,
    genesis,
    link_digest,
    seal,
)

WRITER = "local.1"


def chain(length: int, writer: str = WRITER) -> list[Sealed]:
    head, links = genesis(writer), []
    for number in range(length):
        links.append(seal(writer, head, b"body %d" % number))
        head = Head(links[-1].sequence, links[-1].digest)
    return links


def audit(links, since=genesis(WRITER), until=None):  # noqa: B008
    found = Audit(WRITER)
    kept = list(accepted(sorted(links, key=lambda link: link.sequence), found, since, until))
    return kept, found


def resealed(link: Sealed, body: bytes) -> Sealed:
    """An edit by someone who knows how digests are made."""
    return link._replace(body=body, digest=link_digest(link.writer, link.sequence, link.previous, body))


def test_a_whole_chain_is_accepted():
    links = chain(10)
    kept, found = audit(links)
    assert kept == links
    assert found == Audit(WRITER, accepted=10, first=1, head=Head(10, links[-1].digest))


def test_a_record_is_whole_only_as_this_writers_at_this_place_after_that_one():
    link = chain(2)[1]
    assert link.intact
    for change in (
        {"writer": "local.2"},
        {"sequence": 3},
        {"previous": bytes(32)},
        {"body": b""},
        {"digest": bytes(32)},
    ):
        assert not link._replace(**change).intact


def test_copies_are_dropped_and_counted():
    links = chain(5)
    kept, found = audit(links + links[1:3])
    assert kept == links
    assert (found.duplicates, found.faults) == (2, [])


@pytest.mark.parametrize("lost, gap", [(range(3), (1, 3)), (range(4, 6), (5, 6)), ([0], (1, 1))])
def test_a_gap_is_found(lost, gap):
    links = chain(10)
    kept, found = audit([link for index, link in enumerate(links) if index not in lost])
    assert len(kept) == 10 - len(lost)
    assert found.faults == [Fault(WRITER, *gap, "gap")]


def test_an_edit_is_found():
    links = chain(10)
    links[4] = links[4]._replace(body=b"other")
    kept, found = audit(links)
    assert [link.sequence for link in kept] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert found.faults == [Fault(WRITER, 5, 5, "edited")]


def test_an_edit_with_a_new_digest_is_found_by_the_next_record():
    links = chain(10)
    links[4] = resealed(links[4], b"other")
    kept, found = audit(links)
    assert links[4] not in kept
    assert len(kept) == 9
    assert found.faults == [Fault(WRITER, 5, 5, "broken")]


def test_the_last_record_is_vouched_for_by_a_head_that_was_noted():
    links = chain(10)
    until = Head(10, links[-1].digest)
    links[-1] = resealed(links[-1], b"other")
    assert audit(links)[1].faults == []
    kept, found = audit(links, until=until)
    assert len(kept) == 9
    assert found.faults == [Fault(WRITER, 10, 10, "broken")]


def test_an_end_that_was_cut_off_is_found_by_a_head_that_was_noted():
    links = chain(10)
    assert audit(links[:7], until=Head(10, links[-1].digest))[1].faults == [Fault(WRITER, 8, 10, "gap")]
    assert audit([], until=Head(10, links[-1].digest))[1].faults == [Fault(WRITER, 1, 10, "gap")]


def test_an_edit_beside_the_original_does_not_hide_it():
    links = chain(5)
    kept, found = audit([*links, links[2]._replace(body=b"other")])
    assert kept == links
    assert found.faults == [Fault(WRITER, 3, 3, "edited")]


def test_of_two_records_at_one_place_the_one_that_the_next_was_sealed_after_stays():
    links = chain(5)
    kept, found = audit([*links, resealed(links[2], b"other")])
    assert kept == links
    assert found.faults == [Fault(WRITER, 3, 3, "conflict")]


def test_two_last_records_are_both_refused():
    links = chain(5)
    kept, found = audit([*links, resealed(links[-1], b"other")])
    assert kept == links[:-1]
    assert found.faults == [Fault(WRITER, 5, 5, "conflict")]


def test_an_edited_successor_does_not_discredit_a_record():
    links = chain(5)
    links[3] = links[3]._replace(previous=bytes(32))
    kept, found = audit(links)
    assert [link.sequence for link in kept] == [1, 2, 3, 5]
    assert found.faults == [Fault(WRITER, 4, 4, "edited")]


def test_a_chain_begins_where_it_is_asked_to():
    links = chain(10)
    kept, found = audit(links[4:], since=None)
    assert (kept, found.faults) == (links[4:], [])
    kept, found = audit(links, since=Head(4, links[3].digest))
    assert (kept, found.faults) == (links[4:], [])
    assert audit(links, since=Head(4, bytes(32)))[1].faults == [Fault(WRITER, 5, 5, "broken")]


def test_a_chain_cannot_be_passed_off_as_another_writers():
    stolen = [link._replace(writer=WRITER) for link in chain(3, "local.2")]
    kept, found = audit(stolen)
    assert kept == []
    assert {fault.kind for fault in found.faults} >= {"edited"}
    with pytest.raises(InputError, match="record writer"):
        audit(chain(3, "local.2"))


DEEDS = ("drop", "copy", "edit", "reseal", "add")


def abused(original: list[Sealed], chance: random.Random, deeds: list[str]) -> list[Sealed]:
    """A chain to each of whose records something is done, one of the `deeds` by chance."""
    links: list[Sealed] = []
    for link in original:
        links += {
            "keep": [link],
            "drop": [],
            "copy": [link, link],
            "edit": [link._replace(body=b"other")],
            "reseal": [resealed(link, b"other")],
            "add": [link, resealed(link, b"other")],
        }[chance.choice(deeds)]
    return links


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(0, 60), st.booleans())
def test_a_batch_by_itself_is_found_to_be_what_it_is_however_it_is_read(seed, length, keeps, read_before):
    """Most batches are whole, and these are read by a way of their own."""
    links = abused(chain(length), random.Random(seed), ["keep"] * keeps + list(DEEDS))
    before = {"accepted": 2, "first": 1, "head": Head(9, bytes(32))} if read_before else {}
    found, expected = Audit(WRITER, **before), Audit(WRITER, **before)
    assert list(accepted_alone(links, found)) == list(accepted(links, expected))
    assert found == expected


@pytest.mark.parametrize("read", [accepted, accepted_alone])
def test_a_number_that_its_writer_left_out_is_a_gap_though_digests_follow(read):
    (first,) = chain(1)
    later = seal(WRITER, Head(2, first.digest), b"later")
    found = Audit(WRITER)
    assert list(read([first, later], found)) == [first, later]
    assert found.faults == [Fault(WRITER, 2, 2, "gap")]


@pytest.mark.parametrize("read", [accepted, accepted_alone])
def test_a_batch_of_another_writer_is_no_batch_of_this_one(read):
    with pytest.raises(InputError, match="record writer"):
        list(read(chain(3, "local.2"), Audit(WRITER)))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_whatever_is_done_to_a_chain_nothing_false_is_accepted_and_every_loss_is_named(seed, length):
    """Only the chain's last record can be changed unseen, and only by someone who seals it anew."""
    original = chain(length)
    until = Head(length, original[-1].digest)
    links = abused(original, random.Random(seed), ["keep", "keep", "keep", *DEEDS])
    kept, found = audit(links, until=until)
    true = set(original)
    named = {place for fault in found.faults for place in range(fault.first, fault.last + 1)}
    vouched = {link.sequence - 1 for link in links if link.intact} | {length}
    assert all(link in true for link in kept if link.sequence in vouched)
    assert {link.sequence for link in kept} | named == set(range(1, length + 1))

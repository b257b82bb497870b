"""Why a lead is on no list. Each lead has one cause; the first that applies counts."""

from __future__ import annotations

DO_NOT_CONTACT = "do_not_contact"
ALREADY_CONVERTED = "already_converted"
OPEN_DEAL = "open_deal"
DISQUALIFIED = "disqualified"
REPORTED_QUALIFIED = "reported_qualified"
WRONG_PERSON = "wrong_person"
NOT_NOW = "not_now"
COOL_DOWN = "cool_down"
LEFT_ALONE = "left_alone"
NURTURED = "nurtured"
REFERRAL_SOURCE = "referral_source"
SAME_PERSON = "same_person"
HELD_OUT = "held_out"
NO_REP = "no_rep"
OVER_CAPACITY = "over_capacity"
WORDS = {
    DO_NOT_CONTACT: "asked not to be contacted",
    OPEN_DEAL: "a deal is being negotiated",
    ALREADY_CONVERTED: "is a prospect or beyond already",
    DISQUALIFIED: "was disqualified",
    REPORTED_QUALIFIED: "a rep reported it as qualified",
    WRONG_PERSON: "a rep reported the wrong person",
    NOT_NOW: "asked for later, as a rep reported",
    COOL_DOWN: "was called or met a short while ago",
    LEFT_ALONE: "to be left alone for a while",
    NURTURED: "to be nurtured",
    REFERRAL_SOURCE: "to be kept as a referral source",
    SAME_PERSON: "the same person as another lead on the list",
    HELD_OUT: "held out at random, to measure what calling causes",
    NO_REP: "in no rep's territory",
    OVER_CAPACITY: "beyond the reps' capacity",
}
CAUSES = tuple(WORDS)
"""In the order in which they are looked at: the gate's, then what the next action sets, then what the assignment does."""

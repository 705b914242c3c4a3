@testable import RaftCore
import Testing

/// What comes from outside and is wrong: ignored where it is noise, an alarm where it is evidence.
@Suite
struct OutsideTests {
    @Test
    func `strangers, other groups and other addressees are not heard`() {
        let whole = Message(
            group: .directory,
            from: NodeID(2),
            to: NodeID(1),
            term: Term(9),
            body: Lone.heartbeat()
        )
        for change in 0..<4 {
            var message = whole
            switch change {
            case 0: message.group = GroupID(1)
            case 1:
                // Who leads is heard, whoever it is; see MembershipTests.
                message.from = NodeID(4)
                message.body = Lone.request(last: (1, 1))
            case 2: message.to = NodeID(2)
            default: message.from = NodeID(1)
            }
            var lone = Lone([1])
            let before = lone.raft
            lone.step(.received(message))
            #expect(lone.raft == before)
            #expect(lone.effects.said.isEmpty)
        }
    }

    // C12.
    @Test(arguments: [Limits.maximumTermAdvance + 2, Limits.maximumTerm + 1, UInt64.max])
    func `a term beyond the limits is not believed, and said`(_ term: UInt64) {
        var lone = Lone([1])
        let before = lone.raft
        for body in [Lone.heartbeat(), Lone.request(), Lone.request(.preVote)] {
            lone.receive(body, from: 2, term: term)
            #expect(lone.raft == before)
            #expect(
                lone.effects.implausibleTerm == ImplausibleTerm(from: NodeID(2), term: Term(term))
            )
        }
        lone.receive(Lone.heartbeat(), from: 2, term: 2)
        #expect(lone.effects.implausibleTerm == nil)
    }

    // C3, RedisLabs/raft#49.
    @Test
    func `entries from the very beginning are compared, not appended again`() {
        var lone = Lone([1, 1])
        let last = lone.raft.lastPosition
        lone.receive(Lone.append([1, 1], after: 0), from: 2, term: 1)
        #expect(lone.raft.lastPosition == last)
        #expect(lone.effects.persists.isEmpty)
        #expect(lone.effects.outcomes == [.accepted(match: LogIndex(3))])
        lone.receive(Lone.append([1, 1, 1], after: 0), from: 2, term: 1)
        #expect(lone.raft.lastPosition.index == LogIndex(4))
        #expect(lone.effects.persists.map(\.entries) == [LogIndex(4)..<LogIndex(5)])
    }

    // C12.
    @Test
    func `the last term is followed by none`() {
        var lone = Lone([1], term: Limits.maximumTerm)
        for _ in 0..<40 { lone.step(.tick) }
        #expect(lone.raft.role == .follower)
        #expect(lone.raft.term.value == Limits.maximumTerm)
    }

    @Test
    func `entries that are out of order, of a later term or too large are dropped`() {
        guard case .appendEntries(let whole) = Lone.append([1, 1, 2], after: 1) else { return }
        for change in 0..<7 {
            var append = whole
            switch change {
            case 0: append.entries.swapAt(0, 1)
            case 1: append.entries.remove(at: 1)
            case 2: append.entries[2].position.term = Term(9)
            case 3: append.entries[0].size = Limits.maximumEntrySize + 1
            case 4: append.entries[0].size = -1
            case 5: append.previous.index = LogIndex(UInt64.max)
            default:
                append.entries[1].kind = .configuration(
                    Configuration(members: [], featureLevel: 1)
                )
            }
            var lone = Lone([1], term: 2)
            lone.receive(.appendEntries(append), from: 2, term: 2)
            #expect(lone.terms == [1], "change \(change)")
            #expect(lone.effects.said.isEmpty)
        }
    }

    @Test
    func `an answer beyond the leader's log is no answer`() {
        var lone = Lone()
        lone.lead()
        lone.accept(77, from: 2)
        #expect(lone.raft.commitIndex == .zero)
        let hint = LogPosition(index: LogIndex(.max), term: Term(.max))
        for previous in [0, 1, 2, 77, UInt64.max] {
            let outcome = AppendEntriesReply.Outcome.rejected(
                previous: LogIndex(previous),
                hint: hint
            )
            let reply = AppendEntriesReply(outcome: outcome)
            lone.receive(.appendEntriesReply(reply), from: 2, term: 1)
        }
        lone.hearHeartbeatReply(from: 2, round: .max)
        #expect(lone.raft.isLeader)
    }

    @Test
    func `a grant that nobody asked for elects nobody`() {
        var lone = Lone()
        lone.timeOut()
        lone.grantPreVote(from: 2)
        // Its own vote is not durable, no question left: these are lies.
        lone.vote(true, from: 2)
        lone.vote(true, from: 3)
        #expect(lone.raft.role == .candidate)
    }

    @Test
    func `two leaders in one term raise the alarm`() {
        var lone = Lone()
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        let alarm = lone.receive(Lone.heartbeat(), from: 3, term: 1).alarm
        #expect(alarm == .twoLeaders(term: Term(1), known: NodeID(2), other: NodeID(3)))
        var leader = Lone()
        leader.lead()
        let own = leader.receive(Lone.append([], after: 1), from: 3, term: 1).alarm
        #expect(own == .twoLeaders(term: Term(1), known: NodeID(1), other: NodeID(3)))
        #expect(leader.raft.isLeader)
    }

    @Test
    func `one position with two hashes raises the alarm, and nothing is written`() {
        guard case .appendEntries(var append) = Lone.append([1, 1], after: 2) else { return }
        append.previousHash = EntryHash(1, 2, 3, 4)
        var lone = Lone([1])
        lone.receive(.appendEntries(append), from: 2, term: 1)
        let second = LogPosition(index: LogIndex(2), term: Term(1))
        #expect(lone.effects.alarm == .divergentHash(position: second, from: NodeID(2)))
        #expect(lone.terms == [1])

        guard case .appendEntries(var tail) = Lone.append([1, 1], after: 1) else { return }
        tail.entries[0].hash = EntryHash(1, 2, 3, 4)
        var other = Lone([1])
        other.receive(.appendEntries(tail), from: 2, term: 1)
        #expect(other.effects.alarm == .divergentHash(position: second, from: NodeID(2)))
        #expect(other.effects.said.isEmpty)
    }

    @Test
    func `who contradicts what is committed raises the alarm, and nothing is truncated`() {
        var lone = Lone([1, 1])
        lone.receive(Lone.append([1, 1], after: 1, commit: 3), from: 2, term: 1)
        #expect(lone.raft.commitIndex == LogIndex(3))
        let alarm = lone.receive(Lone.append([1, 2], after: 2), from: 3, term: 2).alarm
        let third = LogPosition(index: LogIndex(3), term: Term(2))
        #expect(alarm == .committedEntryContradicted(position: third, from: NodeID(3)))
        #expect(lone.terms == [1, 1])
        let second = lone.receive(Lone.append([2, 2], after: 2), from: 3, term: 2).alarm
        #expect(second != nil)
        #expect(lone.terms == [1, 1])
    }

    @Test
    func `proposals out of place or too many are refused`() throws {
        var lone = Lone()
        #expect(lone.propose().refusals.map(\.reason) == [.notLeader])
        lone.lead()
        lone.accept(2, from: 2)
        var header = lone.next()
        header.position.index = header.position.index.next
        #expect(lone.step(.propose(header)).refusals.map(\.reason) == [.outOfPlace])
        let founding = EntryKind.configuration(lone.raft.configuration)
        #expect(lone.propose(founding).refusals.map(\.reason) == [.outOfPlace])
        while lone.raft.uncommittedSize < Limits.maximumUncommittedSize {
            #expect(lone.raft.canPropose)
            try #require(lone.propose(size: Limits.maximumEntrySize).refusals.isEmpty)
        }
        // The last one may go past the limit, since nobody knows its size before it is built.
        #expect(lone.raft.uncommittedSize > Limits.maximumUncommittedSize)
        #expect(!lone.raft.canPropose)
        #expect(lone.propose(size: 0).refusals.map(\.reason) == [.tooMuchUncommitted])
        lone.persist()
        lone.accept(lone.raft.lastPosition.index.value, from: 2)
        #expect(lone.raft.uncommittedSize == 0)
        #expect(lone.propose(size: Limits.maximumEntrySize).refusals.isEmpty)
    }
}

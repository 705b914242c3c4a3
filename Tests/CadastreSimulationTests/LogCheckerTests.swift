import CadastreNode
import CadastreProtocol
import CadastreSimulation
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

/// Makes a planted violation and gives back which rule caught it.
func caught(_ work: () throws(Violation) -> Void) -> Violation.Rule? {
    do throws(Violation) {
        try work()
        return nil
    } catch {
        return error.rule
    }
}

func position(_ index: UInt64, _ term: UInt64) -> LogPosition {
    LogPosition(index: LogIndex(index), term: Term(term))
}

func record(_ index: UInt64, _ term: UInt64, hash: UInt64 = 0) -> LogView.Record {
    LogView.Record(position: position(index, term), hash: EntryHash(index, term, hash, 1))
}

/// A log whose entries are of these terms.
func log(_ terms: UInt64...) -> LogView {
    LogView(terms.enumerated().map { record(UInt64($0.offset + 1), $0.element) })
}

/// Each checker of logs and states catches what it is for.
struct LogCheckerTests {
    @Test
    func `two leaders of one term are caught`() {
        var checker = OneLeaderPerTerm()
        #expect(caught { () throws(Violation) in _ = try checker.leads(NodeID(1), Term(3)) } == nil)
        #expect(caught { () throws(Violation) in _ = try checker.leads(NodeID(1), Term(3)) } == nil)
        #expect(caught { () throws(Violation) in _ = try checker.leads(NodeID(2), Term(4)) } == nil)
        let second = caught { () throws(Violation) in _ = try checker.leads(NodeID(2), Term(3)) }
        #expect(second == .oneLeaderPerTerm)
    }

    @Test
    func `one position with two hashes is caught`() {
        var checker = LogMatching()
        let first = caught { () throws(Violation) in
            try checker.appended(record(2, 1), to: log(1), of: NodeID(1))
        }
        #expect(first == nil)
        let other = caught { () throws(Violation) in
            try checker.appended(record(2, 1, hash: 9), to: log(1), of: NodeID(2))
        }
        #expect(other == .logMatching)
        let gap = caught { () throws(Violation) in
            try checker.appended(record(4, 1), to: log(1), of: NodeID(3))
        }
        #expect(gap == .logMatching)
    }

    @Test
    func `a commit that a majority does not hold durably is caught`() {
        var checker = CommittedLog(voters: 3)
        let early = caught { () throws(Violation) in
            _ = try checker.commits(
                NodeID(1),
                after: .zero,
                through: LogIndex(2),
                term: Term(1),
                log: log(1, 1),
                disks: [log(1, 1), log(1), log(1)]
            )
        }
        #expect(early == .persistBeforeSend)
    }

    @Test
    func `where voters change a commit is judged by who votes`() {
        func commit(_ isQuorum: @escaping (LogView.Record) -> Bool) -> Violation.Rule? {
            var checker = CommittedLog(voters: 3)
            return caught { () throws(Violation) in
                _ = try checker.commits(
                    NodeID(1),
                    after: .zero,
                    through: LogIndex(1),
                    term: Term(1),
                    log: log(1),
                    disks: [log(1), LogView(), LogView()],
                    isQuorum: isQuorum
                )
            }
        }
        #expect(commit { _ in true } == nil)
        #expect(commit { _ in false } == .persistBeforeSend)
    }

    @Test
    func `two contents committed at one place are caught`() {
        var checker = CommittedLog(voters: 3)
        let disks = [log(1, 1), log(1, 1), log(1, 2)]
        func commit(_ log: LogView) -> Violation.Rule? {
            caught { () throws(Violation) in
                _ = try checker.commits(
                    NodeID(1),
                    after: .zero,
                    through: LogIndex(2),
                    term: Term(2),
                    log: log,
                    disks: disks
                )
            }
        }
        #expect(commit(log(1, 1)) == nil)
        #expect(commit(log(1, 2)) == .stateMachineSafety)
        #expect(commit(log(1)) == .stateMachineSafety)
    }

    @Test
    func `a leader without what was committed is caught`() {
        var checker = CommittedLog(voters: 3)
        let committed = caught { () throws(Violation) in
            _ = try checker.commits(
                NodeID(1),
                after: .zero,
                through: LogIndex(2),
                term: Term(1),
                log: log(1, 1),
                disks: [log(1, 1), log(1, 1), log(1)]
            )
        }
        #expect(committed == nil)
        func leads(_ log: LogView, _ term: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in try checker.leads(NodeID(3), Term(term), log: log) }
        }
        #expect(leads(log(1, 1, 2), 2) == nil)
        #expect(leads(log(1), 2) == .leaderCompleteness)
        #expect(leads(log(1, 2), 2) == .leaderCompleteness)
        // A leader of an older term that nobody follows any more may lack it.
        #expect(leads(log(1), 1) == nil)
    }

    @Test
    func `two states at one index are caught`() {
        var checker = StateAgreement()
        func applied(
            _ node: UInt64,
            _ low: UInt64,
            _ committed: LogView.Record?,
            durable: LogView.Record? = record(2, 1)
        ) -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.applied(
                    NodeID(node),
                    position(2, 1),
                    digest: StateDigest(high: 1, low: low),
                    committed: committed,
                    durable: durable
                )
            }
        }
        #expect(applied(1, 7, record(2, 1)) == nil)
        #expect(applied(2, 7, record(2, 1)) == nil)
        #expect(applied(3, 8, record(2, 1)) == .stateMachineSafety)
        #expect(applied(2, 7, record(2, 2)) == .stateMachineSafety)
        #expect(applied(2, 7, nil) == .stateMachineSafety)
        // Committed, but not in its own journal: a crash would leave the state ahead of the log.
        #expect(applied(2, 7, record(2, 1), durable: nil) == .persistBeforeSend)
        #expect(applied(2, 7, record(2, 1), durable: record(2, 2)) == .persistBeforeSend)
    }

    @Test
    func `a digest that is not that of the rows is caught`() {
        var checker = StateAgreement()
        func recomputed(_ kept: UInt64, _ computed: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.recomputed(
                    NodeID(1),
                    at: LogIndex(2),
                    kept: StateDigest(high: 0, low: kept).bytes,
                    computed: StateDigest(high: 0, low: computed).bytes
                )
            }
        }
        #expect(recomputed(1, 1) == nil)
        #expect(recomputed(1, 2) == .digest)
        let applied = caught { () throws(Violation) in
            try checker.applied(
                NodeID(2),
                position(2, 1),
                digest: StateDigest(high: 0, low: 5),
                committed: record(2, 1),
                durable: record(2, 1)
            )
        }
        #expect(applied == nil)
        #expect(recomputed(1, 1) == .digest)
        func marked(_ low: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.marked(
                    NodeID(3),
                    at: LogIndex(2),
                    digest: StateDigest(high: 0, low: low)
                )
            }
        }
        #expect(marked(5) == nil)
        #expect(marked(6) == .digest)
    }

    @Test(arguments: 0..<4)
    func `whatever goes back on a node is caught`(field: Int) {
        var checker = MonotonicProgress(nodes: 3)
        var numbers: [UInt64] = [5, 5, 5, 5]
        func read() -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.reads(
                    1,
                    MonotonicProgress.Reading(
                        term: Term(numbers[0]),
                        commit: LogIndex(numbers[1]),
                        applied: LogIndex(numbers[2]),
                        clusterTime: numbers[3]
                    )
                )
            }
        }
        #expect(read() == nil)
        numbers[field] = 4
        #expect(read() == .monotonicProgress)
    }

    @Test
    func `a term that was durable may not go back across a restart`() {
        var checker = MonotonicProgress(nodes: 1)
        func read(_ term: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.reads(
                    0,
                    MonotonicProgress.Reading(
                        term: Term(term),
                        commit: .zero,
                        applied: .zero,
                        clusterTime: 0
                    )
                )
            }
        }
        #expect(read(7) == nil)
        checker.ended(0, durableTerm: Term(6))
        #expect(read(5) == .monotonicProgress)
        #expect(read(6) == nil)
    }
    @Test
    func `what was told to clients or called durable may not go back across a restart`() {
        var checker = MonotonicProgress(nodes: 2)
        func answers(_ place: Int, _ index: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in try checker.answers(place, at: LogIndex(index)) }
        }
        func begins(_ index: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.begins(0, appliedThrough: LogIndex(index))
            }
        }
        func madeDurable(_ index: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in
                try checker.madeDurable(0, through: LogIndex(index))
            }
        }
        #expect(answers(0, 7) == nil && answers(1, 3) == nil)
        #expect(madeDurable(5) == nil)
        #expect(madeDurable(4) == .monotonicProgress)
        checker.ended(0, durableTerm: .zero)
        #expect(begins(5) == nil)
        #expect(begins(4) == .monotonicProgress)
        #expect(madeDurable(4) == nil)
        #expect(answers(0, 6) == .monotonicProgress)
        #expect(answers(0, 7) == nil)
    }
}

internal import CadastreProtocol
package import CadastreStateMachine
internal import CadastreStorage
package import RaftCore

/// The stage that executes: committed entries go into SQLite, queries are answered from it.
package final class ApplyStage {
    private let stateMachine: StateMachine
    /// Queries whose index is not yet applied, in order of arrival.
    private var waiting: [(query: WaitingQuery, index: LogIndex)] = []
    /// Digests that wait for an index.
    private var waitingDigests: [(key: RequestKey, index: LogIndex)] = []
    /// A transaction was lost: what was handed over before the loss was known is dropped, and
    /// comes again from the entry that follows the last one applied.
    private var awaitsReapplication = false
    /// Where the replies of dropped entries go.
    ///
    /// Looked up, never iterated.
    private var droppedKeys: [LogPosition: [RequestKey?]] = [:]
    /// The last transaction was lost for want of room, and none was kept since.
    private var isDiskFull = false
    /// What the door was last told.
    private var publishedAccess: UInt64?
    /// Reused from entry to entry.
    private var commands: [CommandEnvelope] = []
    private var replies: [Reply] = []

    private let maximumWaitingQueries: Int

    /// Digests that may wait: all that do are answered by one computation.
    private static let maximumWaitingDigests = 16

    /// A stage over an open state machine.
    package init(stateMachine: StateMachine, settings: NodeSettings) {
        self.stateMachine = stateMachine
        maximumWaitingQueries = settings.maximumWaitingQueries
    }

    /// Executes what happened, in order.
    ///
    /// - Parameters:
    ///   - events: Emptied.
    ///   - moment: Of the turn.
    ///   - output: Gets replies, and the report for the consensus stage.
    /// - Throws: When SQLite failed twice in a row: the node stops.
    package func turn(
        _ events: inout [ApplyEvent],
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) {
        var lost: LogIndex?
        for event in events {
            switch event {
            case .entries(let entries):
                for entry in entries {
                    guard lost == nil else {
                        drop(entry)
                        continue
                    }
                    lost = try apply(entry, into: &output)
                }
            case .query(let query, let index):
                if waiting.count < maximumWaitingQueries {
                    waiting.append((query, index))
                } else {
                    output.replies.append(
                        reply(to: query.key, .refused(.overloaded, leader: .none))
                    )
                }
            case .digest(let key, let index):
                if waitingDigests.count < Self.maximumWaitingDigests {
                    waitingDigests.append((key, index))
                } else {
                    output.replies.append(reply(to: key, .refused(.overloaded, leader: .none)))
                }
            }
        }
        events.removeAll(keepingCapacity: true)
        if lost == nil {
            lost = try surviving { () throws(StateMachineError) in
                try stateMachine.endOfTurn(idle: false)
            }
        }
        if lost == nil { lost = try answerWaiting(at: moment, into: &output) }
        if stateMachine.accessView.version != publishedAccess {
            publishedAccess = stateMachine.accessView.version
            output.access = stateMachine.accessView
        }
        output.report = AppliedReport(
            through: stateMachine.applied.index,
            clusterTime: stateMachine.clusterTime,
            reapplyFrom: lost,
            isDiskFull: isDiskFull
        )
    }

    /// One bounded step of work that nobody waits for: committing, checkpointing.
    ///
    /// - Returns: Where application must begin again, if a transaction was lost.
    package func idle() throws(StateMachineError) -> LogIndex? {
        try surviving { () throws(StateMachineError) in try stateMachine.endOfTurn(idle: true) }
    }

    /// Commits, checkpoints and closes the database.
    package func close() throws(StateMachineError) { try stateMachine.close() }

    /// What the state machine counted.
    package var statistics: StateMachineStatistics { stateMachine.statistics }

    /// The digest kept while applying, and the position it belongs to.
    package var digest: (position: LogPosition, digest: StateDigest) {
        (stateMachine.applied, stateMachine.digest)
    }

    /// Applies one entry and answers those who wait for it.
    ///
    /// - Returns: Where application must begin again, if the transaction was lost.
    private func apply(
        _ committed: CommittedEntry,
        into output: inout ApplyOutput
    ) throws(StateMachineError) -> LogIndex? {
        let entry = committed.entry
        // Handed over twice after a lost transaction: already in.
        guard entry.header.index > stateMachine.applied.index else { return nil }
        if awaitsReapplication, entry.header.index > stateMachine.applied.index.next {
            drop(committed)
            return nil
        }
        awaitsReapplication = false
        isDiskFull = false
        let keys = droppedKeys.removeValue(forKey: entry.header.position) ?? committed.keys
        decode(entry)
        replies.removeAll(keepingCapacity: true)
        let lost = try surviving { () throws(StateMachineError) in
            try stateMachine.apply(
                EntryContext(
                    position: entry.header.position,
                    kind: entry.header.kind,
                    now: entry.now,
                    random: entry.random,
                    featureLevel: entry.featureLevel
                ),
                commands: commands,
                into: &replies
            )
        }
        if let lost {
            drop(CommittedEntry(entry: entry, keys: keys))
            return lost
        }
        precondition(
            replies.count == commands.count,
            "\(commands.count) commands gave \(replies.count) replies"
        )
        guard !keys.isEmpty else { return nil }
        precondition(
            keys.count == commands.count,
            "\(commands.count) commands, but \(keys.count) keys"
        )
        for (place, key) in keys.enumerated() {
            guard let key else { continue }
            output.replies.append(
                OutgoingReply(
                    key: key,
                    appliedIndex: entry.header.index,
                    content: .command(replies[place])
                )
            )
        }
        return nil
    }

    /// Remembers who waits for an entry that comes again.
    private func drop(_ committed: CommittedEntry) {
        guard committed.keys.contains(where: { $0 != nil }) else { return }
        droppedKeys[committed.entry.header.position] = committed.keys
    }

    /// Decodes an entry's commands.
    ///
    /// What is committed was validated before it was proposed and its hash chain verified since:
    /// what cannot be decoded is a bug that would make nodes differ.
    private func decode(_ entry: Entry) {
        commands.removeAll(keepingCapacity: true)
        guard case .commands = entry.header.kind else { return }
        do {
            for item in try entry.items() {
                commands.append(try CommandEnvelope(decoding: item.span))
            }
        } catch {
            preconditionFailure(
                "entry \(entry.header.position) is committed but cannot be decoded: \(error)"
            )
        }
    }

    /// Runs something that may lose the open transaction.
    ///
    /// - Returns: Where application must begin again, if it did.
    private func surviving(
        _ work: () throws(StateMachineError) -> Void
    ) throws(StateMachineError) -> LogIndex? {
        do throws(StateMachineError) {
            try work()
            return nil
        } catch {
            guard case .mustReapply(let position, let cause) = error else { throw error }
            awaitsReapplication = true
            isDiskFull = cause.isDiskFull
            return position.index.next
        }
    }

    /// Answers what has waited for an index that is now applied.
    ///
    /// - Returns: Where application must begin again, if a read lost the transaction; what was not
    ///   answered waits on.
    private func answerWaiting(
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) -> LogIndex? {
        var lost: LogIndex?
        var queries: [(query: WaitingQuery, index: LogIndex)] = []
        for (query, index) in waiting {
            if query.deadline < moment.monotonic {
                output.replies.append(
                    reply(to: query.key, .refused(.deadlinePassed, leader: .none))
                )
            } else if lost == nil, index <= stateMachine.applied.index {
                lost = try surviving { () throws(StateMachineError) in
                    output.replies.append(try answer(query))
                }
                if lost != nil { queries.append((query, index)) }
            } else {
                queries.append((query, index))
            }
        }
        waiting = queries
        var digests: [(key: RequestKey, index: LogIndex)] = []
        var report: DigestReport?
        for (key, index) in waitingDigests {
            guard lost == nil, index <= stateMachine.applied.index else {
                digests.append((key, index))
                continue
            }
            if report == nil {
                lost = try surviving { () throws(StateMachineError) in
                    report = try recomputedDigest()
                }
            }
            if let report {
                output.replies.append(reply(to: key, .digest(report)))
            } else {
                digests.append((key, index))
            }
        }
        waitingDigests = digests
        return lost
    }

    private func recomputedDigest() throws(StateMachineError) -> DigestReport {
        let (computed, rows) = try stateMachine.recomputeDigest { _ in }
        return DigestReport(
            index: stateMachine.applied.index,
            kept: stateMachine.digest.bytes,
            computed: computed.bytes,
            rows: rows
        )
    }

    private func answer(_ waiting: WaitingQuery) throws(StateMachineError) -> OutgoingReply {
        let result = try stateMachine.answer(
            waiting.query,
            tenant: waiting.tenant,
            principal: waiting.principal
        )
        switch result {
        case .success(let answer):
            return reply(to: waiting.key, .answer(answer.encode()))
        case .failure(let refusal):
            return reply(to: waiting.key, .refused(refusal, leader: .none))
        }
    }

    private func reply(to key: RequestKey, _ content: ReplyContent) -> OutgoingReply {
        OutgoingReply(key: key, appliedIndex: stateMachine.applied.index, content: content)
    }
}

extension StateDigest {
    /// The 16 bytes, high half first, each little-endian.
    package var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> ($0 * 8)) } }
    }
}

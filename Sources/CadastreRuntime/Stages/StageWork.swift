internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import CoreMetrics
internal import Logging
internal import Metrics
internal import RaftCore

extension StageThread.Work where Event == JournalEvent {
    /// The journal stage's work.
    ///
    /// - Parameters:
    ///   - stage: Used by the thread alone.
    ///   - consensus: Gets what was made durable and what was read.
    ///   - view: Gets what the stage counts.
    ///   - metrics: Gets how long batches take.
    ///   - send: Gets what goes to peers that mend their journals, and whose connections are to be
    ///     closed.
    /// - Returns: The work.
    static func journal(
        _ stage: JournalStage,
        to consensus: Inbox<ConsensusEvent>,
        view: NodeView,
        metrics: NodeMetrics,
        send: @escaping ([PeerFrame], [PeerFault]) -> Void = { _, _ in }
    ) -> Self {
        var results: [JournalResult] = []
        var events: [ConsensusEvent] = []
        return Self(
            turn: { waiting in
                let start = Clock.monotonic
                try stage.turn(&waiting, into: &results)
                for result in results {
                    switch result {
                    case .persisted(let number): events.append(.persisted(number))
                    case .entriesRead(let purpose, let entries):
                        events.append(.entriesRead(purpose, entries))
                    case .diskFull(let isFull): events.append(.diskFull(isFull))
                    // The consensus stage has forgotten more than that already.
                    case .compacted: break
                    case .repairAnswer(let frame): send([frame], [])
                    case .repairFault(let fault): send([], [fault])
                    }
                }
                results.removeAll(keepingCapacity: true)
                consensus.post(all: &events)
                metrics.journalSeconds.recordNanoseconds(Clock.monotonic - start)
                let statistics = stage.statistics
                view.update { $0.numbers.journal = statistics }
            },
            followUp: { try stage.followUp() },
            idle: { try stage.idle() },
            // A mark stands within 10 ms of the last write.
            quietMilliseconds: 5,
            // The mark that says that everything written is durable.
            close: { _ = try stage.idle() }
        )
    }
}

extension StageThread.Work where Event == SnapshotEvent {
    /// The snapshot stage's work.
    ///
    /// - Parameters:
    ///   - stage: Used by the thread alone.
    ///   - consensus: Told what became of snapshots.
    ///   - view: Gets what the stage has and did.
    ///   - log: For what an operator should know.
    ///   - send: Gets what goes to peers, and whose connections are to be closed.
    ///   - again: Posts ``SnapshotEvent/resume`` to the stage, behind what came meanwhile.
    /// - Returns: The work.
    static func snapshot(
        _ stage: SnapshotStage,
        to consensus: Inbox<ConsensusEvent>,
        view: NodeView,
        log: Logger,
        send: @escaping ([PeerFrame], [PeerFault]) -> Void,
        again: @escaping () -> Void
    ) -> Self {
        var output = SnapshotOutput()
        var isWaiting = false
        var isDue = true
        func turn(_ events: inout [SnapshotEvent]) throws {
            stage.turn(&events, at: Clock.now(), into: &output)
            for result in output.results {
                switch result {
                case .built(let position):
                    log.info(
                        "snapshot made",
                        metadata: ["through": .stringConvertible(position.index.value)]
                    )
                case .notBuilt(let reason):
                    log.warning("no snapshot was made", metadata: ["reason": "\(reason)"])
                case .read, .staged, .started, .settledOffer, .wanted: break
                }
                consensus.post(.snapshot(result))
            }
            for note in output.notes { log.notice("\(note)") }
            if !output.frames.isEmpty || !output.peerFaults.isEmpty {
                send(output.frames, output.peerFaults)
            }
            if output.hasMore { again() }
            isWaiting = output.isWaiting
            isDue = output.isDue
            let statistics = stage.statistics
            view.update { $0.numbers.snapshots = statistics }
            if let failure = output.failure { throw failure }
            output.removeAll()
        }
        return Self(
            turn: { try turn(&$0) },
            idle: {
                guard isWaiting || isDue else { return false }
                var events = [SnapshotEvent.resume]
                try turn(&events)
                return isWaiting || isDue
            },
            quietMilliseconds: 20,
            close: {},
            pause: { isWaiting ? 20 : 1_000 }
        )
    }
}

extension StageThread.Work where Event == ApplyEvent {
    /// Bytes of entries in one turn after which the consensus stage is told at once, since it may
    /// have more that it holds back: an eighth of what it hands over before it is told.
    private static var sizeWorthTelling: Int { 256 << 10 }

    /// So many turns in a row that answered queries and have more of them wake nobody: what is held
    /// back for their answers waits for the next turn then.
    private static var turnsWithoutTelling: Int { 8 }

    /// The apply stage's work.
    ///
    /// - Parameters:
    ///   - stage: Used by the thread alone.
    ///   - consensus: Told what was applied.
    ///   - view: Gets what the stage counts.
    ///   - metrics: Gets how long batches take and how large they are.
    ///   - reply: Gets replies; empties the array.
    ///   - publish: Gets the view of access when it changed.
    ///   - again: Posts ``ApplyEvent/resume`` to the stage, behind what came meanwhile.
    /// - Returns: The work.
    static func apply(
        _ stage: ApplyStage,
        to consensus: Inbox<ConsensusEvent>,
        view: NodeView,
        metrics: NodeMetrics,
        reply: @escaping (inout [OutgoingReply]) -> Void,
        publish: @escaping (AccessView) -> Void,
        again: @escaping () -> Void
    ) -> Self {
        // Touched by one part of the work at a time, whichever thread does it.
        var output = ApplyOutput()
        var reported: AppliedReport?
        var isWaiting = false
        /// The consensus stage counts what it has handed over: it hears of each turn that took some.
        var tookEntries = false
        var sizeTaken = 0
        var untoldTurns = 0
        func handOver() {
            if let access = output.access { publish(access) }
            if !output.replies.isEmpty { reply(&output.replies) }
            if let report = output.report,
                report != reported || report.reapplyFrom != nil || tookEntries
                    || report.answeredReads > 0 || untoldTurns > 0
            {
                // Nobody waits for mere progress, unless a block is held back for it: it is told with
                // what comes next, at the latest with a tick, and costs no turn of its own.
                if report.isMereProgress(since: reported), sizeTaken < Self.sizeWorthTelling {
                    let isFollowed =
                        output.hasMore && !tookEntries && untoldTurns < Self.turnsWithoutTelling
                    consensus.leave(.applied(report), isFollowed: isFollowed)
                    untoldTurns = isFollowed ? untoldTurns + 1 : 0
                } else {
                    consensus.post(.applied(report))
                    untoldTurns = 0
                }
                reported = report
                tookEntries = false
            }
            if output.hasMore { again() }
            isWaiting = output.isWaiting
            output.removeAll()
            view.applied(StageNumbers.State(stage), stage.statistics)
        }
        var stepsLeft = 0
        return Self(
            turn: { events in
                let start = Clock.monotonic
                metrics.applyBatch.record(events.count)
                (tookEntries, sizeTaken) = (false, 0)
                for case .entries(let entries) in events {
                    tookEntries = true
                    sizeTaken += entries.reduce(0) { $0 + $1.entry.bytes.count }
                }
                try stage.turn(&events, at: Clock.now(), into: &output)
                handOver()
                metrics.applySeconds.recordNanoseconds(Clock.monotonic - start)
                stepsLeft = 3
            },
            followUp: {
                guard stage.mustFollowUp else { return }
                let start = Clock.monotonic
                try stage.followUp(at: Clock.now(), into: &output)
                if output.report != nil { handOver() }
                metrics.applySeconds.recordNanoseconds(Clock.monotonic - start)
            },
            mustFollowUp: { stage.mustFollowUp },
            isShort: { stage.isShort($0) },
            idle: {
                // Without room nothing may come that would make it look for some; nor where what
                // somebody waits for is not sent.
                func hasReason() -> Bool {
                    stepsLeft > 0 || isWaiting || reported?.isDiskFull == true
                }
                guard hasReason() else { return false }
                stepsLeft = max(0, stepsLeft - 1)
                try stage.idle(at: Clock.now(), into: &output)
                handOver()
                return hasReason()
            },
            // A lone client's commands should not each pay for a transaction.
            quietMilliseconds: 250,
            close: { try stage.close() }
        )
    }
}

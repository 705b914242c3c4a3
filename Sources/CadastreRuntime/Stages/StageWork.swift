internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import CoreMetrics
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
    /// - Returns: The work.
    static func journal(
        _ stage: JournalStage,
        to consensus: Inbox<ConsensusEvent>,
        view: NodeView,
        metrics: NodeMetrics
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
                    }
                }
                results.removeAll(keepingCapacity: true)
                consensus.post(all: &events)
                metrics.journalSeconds.recordNanoseconds(Clock.monotonic - start)
                let statistics = stage.statistics
                view.update { $0.numbers.journal = statistics }
                try stage.followUp()
            },
            idle: { try stage.idle() },
            // A mark stands within 10 ms of the last write.
            quietMilliseconds: 5,
            // The mark that says that everything written is durable.
            close: { _ = try stage.idle() }
        )
    }
}

extension StageThread.Work where Event == ApplyEvent {
    /// The apply stage's work.
    ///
    /// - Parameters:
    ///   - stage: Used by the thread alone.
    ///   - consensus: Told what was applied.
    ///   - view: Gets what the stage counts.
    ///   - metrics: Gets how long batches take and how large they are.
    ///   - reply: Gets replies; empties the array.
    ///   - publish: Gets the view of access when it changed.
    /// - Returns: The work.
    static func apply(
        _ stage: ApplyStage,
        to consensus: Inbox<ConsensusEvent>,
        view: NodeView,
        metrics: NodeMetrics,
        reply: @escaping (inout [OutgoingReply]) -> Void,
        publish: @escaping (AccessView) -> Void
    ) -> Self {
        var output = ApplyOutput()
        var reported: AppliedReport?
        func turn(_ events: inout [ApplyEvent], lost: LogIndex?) throws {
            try stage.turn(&events, at: Clock.now(), into: &output)
            if let access = output.access { publish(access) }
            if !output.replies.isEmpty { reply(&output.replies) }
            if var report = output.report {
                if let lost { report.reapplyFrom = lost }
                if report != reported || report.reapplyFrom != nil {
                    reported = report
                    consensus.post(.applied(report))
                }
            }
            output.removeAll()
            view.applied(StageNumbers.State(stage), stage.statistics)
        }
        var stepsLeft = 0
        return Self(
            turn: { events in
                let start = Clock.monotonic
                metrics.applyBatch.record(events.count)
                try turn(&events, lost: nil)
                events.removeAll(keepingCapacity: true)
                metrics.applySeconds.recordNanoseconds(Clock.monotonic - start)
                stepsLeft = 3
            },
            idle: {
                guard stepsLeft > 0 else { return false }
                stepsLeft -= 1
                let lost = try stage.idle()
                var none: [ApplyEvent] = []
                try turn(&none, lost: lost)
                return stepsLeft > 0
            },
            // A lone client's commands should not each pay for a transaction.
            quietMilliseconds: 250,
            close: { try stage.close() }
        )
    }
}

internal import CadastreProtocol
package import CadastreStateMachine
internal import CadastreStorage
package import RaftCore

/// The stage that executes: committed entries go into SQLite, queries are answered from it.
///
/// A turn is bounded work, so that entries never wait long behind queries: what does not fit into
/// it waits for the next (``ApplyOutput/hasMore``). After a lost transaction nothing is answered and
/// no access published before everything that was ever reported is applied again: nobody sees time
/// go back.
package final class ApplyStage {
    let stateMachine: StateMachine
    let settings: NodeSettings
    /// Queries that wait for an index or for their turn.
    var queries: WaitingQueries
    /// Digests that were asked for.
    var digests = WaitingDigests()
    /// The digests at marked indices.
    var marks = DigestMarks()
    /// A transaction was lost: what was handed over before the loss was known is dropped, and
    /// comes again from the entry that follows the last one applied.
    var awaitsReapplication = false
    /// Entries were applied, and their share of storing is left for after their replies.
    var owesStoring = false
    /// Reads that were answered, or refused, since the last report.
    private var answeredReads = 0
    /// Where the replies of dropped entries go.
    ///
    /// Looked up, never iterated.
    var droppedKeys: [LogPosition: [RequestKey?]] = [:]
    /// The highest index of which anybody was told that it is applied.
    var furthest: LogIndex
    /// What the door was last told.
    private var publishedAccess: UInt64?
    private var reserve: DiskReserve
    /// The image that was begun in this turn.
    var begunImage: StateImage?
    /// An image was asked for, and cannot be had.
    var hasNoImage = false
    /// The image was ended in this turn: whether it was held until then.
    var imageWasHeld: Bool?
    /// Where a mark is left for the next start, if the state cannot be kept.
    let markFile: StateMarkFile?
    /// The one of an earlier start that is not settled.
    var stateMark: StateMark?
    /// Reused from entry to entry.
    var commands: [CommandEnvelope] = []
    var replies: [Reply] = []

    /// A stage over an open state machine.
    package convenience init(stateMachine: StateMachine, settings: NodeSettings) {
        self.init(stateMachine: stateMachine, settings: settings, markFile: nil, stateMark: nil)
    }

    /// A stage that leaves marks for the next start.
    init(
        stateMachine: StateMachine,
        settings: NodeSettings,
        markFile: StateMarkFile?,
        stateMark: StateMark?
    ) {
        self.stateMachine = stateMachine
        self.settings = settings
        self.markFile = markFile
        self.stateMark = stateMark
        queries = WaitingQueries(maximumCount: settings.maximumWaitingQueries)
        reserve = DiskReserve(size: settings.diskReserve)
        furthest = stateMachine.applied.index
    }

    /// Executes what happened, in order: entries at once, then queries as far as the turn's bounds
    /// go, then a slice of a digest.
    ///
    /// What it puts out is for the host to hand over before ``followUp(at:into:)``.
    ///
    /// - Parameters:
    ///   - events: Emptied.
    ///   - moment: Of the turn.
    ///   - output: Gets replies, and the report for the consensus stage.
    /// - Throws: When the state cannot be kept (``StateMachineError``): the node stops.
    package func turn(
        _ events: inout [ApplyEvent],
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) {
        try leavingMark { () throws(StateMachineError) in
            try take(&events, at: moment, into: &output)
        }
    }

    private func take(
        _ events: inout [ApplyEvent],
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) {
        var lost: LogIndex?
        var closed: Set<UInt64> = []
        for event in events {
            switch event {
            case .entries(let entries):
                for entry in entries {
                    if lost == nil {
                        lost = try take(entry, into: &output)
                    } else {
                        drop(entry)
                    }
                }
            case .query(let query, let index): take(query, index: index, into: &output)
            case .digest(let key, let index): take(key, index: index, at: moment, into: &output)
            case .forget(let connection): closed.insert(connection)
            case .beginImage:
                let lostNow = try beginImage()
                lost = lost ?? lostNow
            case .endImage:
                imageWasHeld = stateMachine.isImageHeld
                stateMachine.endImage()
            case .install(let state):
                lost = nil
                try install(state, into: &output)
            case .resume: break
            }
        }
        events.removeAll(keepingCapacity: true)
        if !closed.isEmpty {
            // Nobody reads it, but the host learns that nothing is held for them any more.
            for query in queries.forget(closed) { refuse(query, .deadlinePassed, into: &output) }
            for key in digests.forget(closed) {
                output.replies.append(reply(to: key, .refused(.deadlinePassed, leader: .none)))
            }
        }
        refuseExpired(at: moment, into: &output)
        if lost == nil, isCaughtUp { lost = try answer(at: moment, into: &output) }
        for query in queries.takeExcess() { refuse(query, .overloaded, into: &output) }
        if lost == nil, isCaughtUp { lost = try verify(into: &output) }
        finish(lost, at: moment, into: &output)
    }

    /// One bounded step of work that nobody waits for: committing, checkpointing.
    ///
    /// - Returns: Where application must begin again, if a transaction was lost.
    package func idle() throws(StateMachineError) -> LogIndex? {
        owesStoring = false
        return try leavingMark { () throws(StateMachineError) in
            try surviving { () throws(StateMachineError) in try stateMachine.endOfTurn(idle: true) }
        }
    }

    /// Commits, checkpoints and closes the database.
    package func close() throws(StateMachineError) {
        try leavingMark { () throws(StateMachineError) in try stateMachine.close() }
    }

    /// What the state machine counted.
    package var statistics: StateMachineStatistics { stateMachine.statistics }

    /// What a crash of the machine keeps of the state at least.
    package var durablyApplied: LogIndex { stateMachine.durablyApplied.index }

    /// The digest kept while applying, and the position it belongs to.
    package var digest: (position: LogPosition, digest: StateDigest) {
        (stateMachine.applied, stateMachine.digest)
    }

    /// Everything of which anybody was told is applied: what is read now is not older than what was
    /// read before.
    private var isCaughtUp: Bool { stateMachine.applied.index >= furthest }

    /// Tells the host how far it is.
    func finish(_ lost: LogIndex?, at moment: Moment, into output: inout ApplyOutput) {
        if isCaughtUp, stateMachine.accessView.version != publishedAccess {
            publishedAccess = stateMachine.accessView.version
            output.access = stateMachine.accessView
        }
        reserve.look(at: moment.monotonic) { stateMachine.freeSpace }
        output.report = AppliedReport(
            through: stateMachine.applied.index,
            clusterTime: stateMachine.clusterTime,
            reapplyFrom: lost,
            isDiskFull: stateMachine.isOutOfSpace,
            isSpaceLow: reserve.isReached,
            marks: marks.takeUnreported(),
            durablyApplied: stateMachine.durablyApplied.index,
            image: begunImage,
            hasNoImage: hasNoImage,
            imageWasHeld: imageWasHeld,
            answeredReads: answeredReads
        )
        answeredReads = 0
        begunImage = nil
        hasNoImage = false
        imageWasHeld = nil
        output.hasMore =
            lost == nil && isCaughtUp && (queries.readyCount > 0 || digests.areReady)
        output.isWaiting = !queries.isEmpty || !digests.isEmpty
    }

    /// Runs something that may lose the open transaction.
    ///
    /// - Returns: Where application must begin again, if it did.
    func surviving(
        _ work: () throws(StateMachineError) -> Void
    ) throws(StateMachineError) -> LogIndex? {
        do throws(StateMachineError) {
            try work()
            return nil
        } catch {
            guard case .mustReapply(let position, _) = error else { throw error }
            awaitsReapplication = true
            return position.index.next
        }
    }

    /// A query is answered, or will not be.
    func settle(_ query: WaitingQuery, _ content: ReplyContent, into output: inout ApplyOutput) {
        if query.isConfirmed { answeredReads += 1 }
        output.replies.append(reply(to: query.key, content))
    }

    func refuse(_ query: WaitingQuery, _ refusal: Refusal, into output: inout ApplyOutput) {
        settle(query, .refused(refusal, leader: .none), into: &output)
    }

    func reply(to key: RequestKey, _ content: ReplyContent) -> OutgoingReply {
        OutgoingReply(key: key, appliedIndex: stateMachine.applied.index, content: content)
    }
}

internal import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// A state that is older than where the log begins: at a start it is taken from a snapshot.
///
/// - The journal says first that a received snapshot stands for the log; then the state is replaced.
///   A process that ended between the two left the snapshot where it was verified.
/// - A database that was moved aside is founded anew and empty. What the log has forgotten is in this
///   node's own snapshot.
enum StateFromSnapshot {
    /// Brings the state to where the log begins, if it is not there yet.
    ///
    /// Cost: verifies a snapshot again, some seconds per million objects; nothing where the state is
    /// far enough.
    ///
    /// - Parameters:
    ///   - stateMachine: As the last process left it.
    ///   - start: Where the log begins.
    ///   - store: Holds what was received and what was made.
    ///   - disk: Where both are.
    ///   - identity: Whose state it is.
    ///   - settings: Of the state machine.
    /// - Returns: Whether the state was replaced.
    /// - Throws: As staging and installing do.
    static func bring(
        _ stateMachine: StateMachine,
        to start: LogStart,
        from store: SnapshotStore,
        on disk: any Disk,
        identity: StateMachineIdentity,
        settings: StateMachineSettings
    ) throws(StateMachineError) -> Bool {
        let snapshot: SnapshotManifest?
        do throws(StorageError) {
            var received = try store.resumable()
            if let known = received, known.start.position.index <= stateMachine.applied.index {
                try store.removePartial()
                received = nil
            }
            guard stateMachine.applied.index < start.position.index else { return false }
            let isOfLog = received?.start.position == start.position
            snapshot = isOfLog ? received : try restoreOwn(store, notOlderThan: start)
        } catch {
            throw .unusableImage("\(error)")
        }
        guard let snapshot else { return false }
        let staged = try StateMachine.stage(
            path: store.receivedPath,
            on: disk,
            identity: identity,
            expecting: snapshot.start.position,
            digest: StateDigest(high: snapshot.digestHigh, low: snapshot.digestLow),
            settings: settings
        )
        while try !staged.step(maximumRows: 8_192) {}
        guard let verified = staged.verified else { return false }
        try stateMachine.install(verified)
        // What cannot be removed now is at the next start, or before another one comes.
        try? store.removePartial()
        return true
    }

    /// Puts this node's own snapshot together where received ones are.
    ///
    /// - Returns: Nil if there is none that reaches where the log begins.
    private static func restoreOwn(
        _ store: SnapshotStore,
        notOlderThan start: LogStart
    ) throws(StorageError) -> SnapshotManifest? {
        guard let own = store.newest(of: .directory),
            own.start.position.index >= start.position.index
        else { return nil }
        let receiver = try store.receive(
            own,
            group: .directory,
            notOlderThan: start.position.index
        )
        while try receiver.step() != .complete {
            for number in receiver.missing(maximumCount: 1) {
                _ = try receiver.receive(try store.chunk(number, of: own.id), chunk: number)
            }
        }
        return own
    }
}

internal import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// What a process left that ended in the middle of an installation.
///
/// The journal says first that a snapshot stands for the log; then the state is replaced. A start
/// between the two finds the snapshot where it was verified, and does the rest.
enum InterruptedInstall {
    /// Brings the state to where the log begins, if it is not there yet.
    ///
    /// Cost: verifies the snapshot again, some seconds per million objects; nothing where nothing was
    /// interrupted.
    ///
    /// - Parameters:
    ///   - stateMachine: As the last process left it.
    ///   - store: Holds the snapshot that was received.
    ///   - start: Where the log begins.
    ///   - disk: Where both are.
    ///   - identity: Whose state it is.
    ///   - settings: Of the state machine.
    /// - Returns: Whether something was left to do and could be done.
    /// - Throws: As staging and installing do.
    static func complete(
        _ stateMachine: StateMachine,
        from store: SnapshotStore,
        through start: LogStart,
        on disk: any Disk,
        identity: StateMachineIdentity,
        settings: StateMachineSettings
    ) throws(StateMachineError) -> Bool {
        guard let received = try received(store) else { return false }
        guard stateMachine.applied.index < start.position.index,
            received.start.position == start.position
        else {
            if received.start.position.index <= stateMachine.applied.index { remove(store) }
            return false
        }
        let staged = try StateMachine.stage(
            path: store.receivedPath,
            on: disk,
            identity: identity,
            expecting: received.start.position,
            digest: StateDigest(high: received.digestHigh, low: received.digestLow),
            settings: settings
        )
        while try !staged.step(maximumRows: 8_192) {}
        guard let verified = staged.verified else { return false }
        try stateMachine.install(verified)
        remove(store)
        return true
    }

    /// What is there of a snapshot that was being received.
    private static func received(
        _ store: SnapshotStore
    ) throws(StateMachineError) -> SnapshotManifest? {
        do throws(StorageError) {
            return try store.resumable()
        } catch {
            throw .unusableImage("\(error)")
        }
    }

    /// Removes what is of no use any more; what cannot be removed now goes before the next one comes.
    private static func remove(_ store: SnapshotStore) {
        try? store.removePartial()
    }
}

internal import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// A state that is taken from a snapshot at a start.
///
/// - The journal says first that a received snapshot stands for the log; then the state is replaced.
///   A process that ended between the two left the snapshot where it was verified.
/// - A database that was set aside is founded anew and empty. What the log has forgotten is in this
///   node's own snapshots.
struct StateFromSnapshot {
    /// Where the log begins.
    let start: LogStart
    /// Holds what was received and what was made.
    let store: SnapshotStore
    /// Where it is.
    let disk: any Disk
    /// Whose state it is to be.
    let identity: StateMachineIdentity
    /// Of the state machine.
    let settings: StateMachineSettings
    /// What this node made of a later state may be as wrong as that state; nil if none is in doubt.
    var doubtBehind: LogIndex?

    /// Brings the state to where the log begins, if it is not there yet.
    ///
    /// Cost: verifies a snapshot again, some seconds per million objects; nothing where the state is
    /// far enough.
    ///
    /// - Parameters:
    ///   - stateMachine: As the last process left it.
    ///   - notes: Gets what an operator should know.
    /// - Returns: Whether the state was replaced.
    /// - Throws: As staging and installing do.
    func bring(
        _ stateMachine: StateMachine,
        notes: inout [String]
    ) throws(StateMachineError) -> Bool {
        if let received = try received(),
            received.start.position.index <= stateMachine.applied.index
        {
            do throws(StorageError) { try store.removePartial() } catch {
                throw .unusableImage("\(error)")
            }
        }
        guard stateMachine.applied.index < start.position.index,
            let verified = try verified(notes: &notes)
        else { return false }
        try stateMachine.install(verified)
        // What cannot be removed now is at the next start, or before another one comes.
        try? store.removePartial()
        return true
    }

    /// What the state may be replaced by, verified, where received snapshots are: the received one that
    /// stands for the log, else the best of this node's own that reaches where the log begins; nil if
    /// there is none.
    ///
    /// One of its own that does not verify is removed, and the next one tried.
    func verified(notes: inout [String]) throws(StateMachineError) -> VerifiedState? {
        if let received = try received(), received.start.position == start.position,
            // One of its own that was put together is so once more: what the disk lost is written anew.
            store.manifest(of: received.id) == nil, try isReceivedFileThere
        {
            do throws(StateMachineError) {
                return try verify(received)
            } catch {
                guard case .unusableImage(let reason) = error else { throw error }
                notes.append("a received snapshot is not used: \(reason)")
            }
        }
        for manifest in candidates {
            do throws(StateMachineError) {
                try putTogether(manifest)
                return try verify(manifest)
            } catch {
                guard case .unusableImage(let reason) = error else { throw error }
                notes.append(
                    "this node's snapshot through \(manifest.start.position) is removed, since it "
                        + "does not verify: \(reason)"
                )
                try attempt { () throws(StorageError) in
                    try store.removePartial()
                    try store.remove(manifest.id)
                }
            }
        }
        return nil
    }

    /// What is being received, or was received whole.
    private func received() throws(StateMachineError) -> SnapshotManifest? {
        do throws(StorageError) { return try store.resumable() } catch {
            throw .unusableImage("\(error)")
        }
    }

    /// Whether no installation took it, which leaves the manifest.
    private var isReceivedFileThere: Bool {
        get throws(StateMachineError) {
            do throws(DiskError) { return try disk.exists(store.receivedPath) } catch {
                throw .imageFailed(SQLiteError("look for a received snapshot", error))
            }
        }
    }

    /// The snapshots that reach where the log begins, the best first: the newest, but those in doubt
    /// only where there is no other way, and the oldest of them.
    private var candidates: [SnapshotManifest] {
        let own = store.manifests.filter {
            $0.group == .directory && $0.start.position.index >= start.position.index
        }
        guard let doubtBehind else { return own.reversed() }
        let sound = own.filter { $0.start.position.index <= doubtBehind }
        let doubtful = own.filter { $0.start.position.index > doubtBehind }
        return sound.reversed() + (start.position.index == .zero ? [] : doubtful)
    }

    /// Puts this node's own snapshot together where received ones are.
    private func putTogether(_ own: SnapshotManifest) throws(StateMachineError) {
        try attempt { () throws(StorageError) in
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
        }
    }

    private func verify(_ manifest: SnapshotManifest) throws(StateMachineError) -> VerifiedState {
        let staged = try StateMachine.stage(
            path: store.receivedPath,
            on: disk,
            identity: identity,
            expecting: manifest.start.position,
            digest: StateDigest(high: manifest.digestHigh, low: manifest.digestLow),
            settings: settings
        )
        while try !staged.step(maximumRows: 8_192) {}
        guard let verified = staged.verified else {
            preconditionFailure("a staged state is done and cannot be installed")
        }
        return verified
    }

    /// Tells a snapshot that is wrong from a disk that failed.
    private func attempt(
        _ work: () throws(StorageError) -> Void
    ) throws(StateMachineError) {
        do throws(StorageError) {
            try work()
        } catch {
            guard case .snapshotFailed(let cause) = error else { throw .unusableImage("\(error)") }
            throw .imageFailed(SQLiteError("put a snapshot together", cause))
        }
    }
}

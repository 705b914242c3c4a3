package import RaftCore

/// The state as of one entry, in a file that does not change while the image is held.
package struct StateImage: Hashable, Sendable {
    /// The main file of the database, in WAL mode and whole without its write-ahead log.
    ///
    /// Anybody may read it through the machine's disk.
    package var path: String
    /// Bytes in it.
    package var size: Int
    /// The entry whose effects are the newest in it.
    package var applied: LogPosition
    /// The digest of its rows.
    package var digest: StateDigest
    /// Cluster time in it, in ms since 1970; 0 before the first tick.
    package var clusterTime: UInt64

    /// Describes an image.
    package init(
        path: String,
        size: Int,
        applied: LogPosition,
        digest: StateDigest,
        clusterTime: UInt64
    ) {
        self.path = path
        self.size = size
        self.applied = applied
        self.digest = digest
        self.clusterTime = clusterTime
    }
}

/// A consistent copy without stopping writes: in WAL mode nothing but a checkpoint writes the main
/// file, so it is a copy while none is made.
extension StateMachine {
    /// Whether the file of the image that was begun last is still as it was then.
    ///
    /// It is not any more once a checkpoint was needed: the write-ahead log reached
    /// ``StateMachineSettings/maximumImageLogBytes``, the disk was full, or ``checkpoint()``,
    /// ``close()`` or an installation asked for it. What was copied counts only if this is true after
    /// the last byte was read.
    package var isImageHeld: Bool { isMainFileHeld }

    /// Commits, moves the whole write-ahead log into the main file, and holds that as it is until
    /// ``endImage()``, while transactions go on into the log.
    ///
    /// An image that is held ends: there is one at a time. Cost: a checkpoint.
    ///
    /// - Throws: As `apply`; also when the checkpoint left anything in the log, which is no image.
    package func beginImage() throws(StateMachineError) -> StateImage {
        try checkpoint()
        guard let size = rows.connection.files.mainSize else {
            throw recover(from: rows.connection.failure("read the size", 10))
        }
        isMainFileHeld = true
        return StateImage(
            path: path,
            size: size,
            applied: applied,
            digest: digest,
            clusterTime: clusterTime
        )
    }

    /// Lets checkpoints happen again; what they have to move, the next ``endOfTurn(idle:)`` moves.
    package func endImage() { isMainFileHeld = false }

    /// What the write-ahead log may reach before it is emptied.
    var logLimit: Int {
        isMainFileHeld
            ? max(settings.maximumImageLogBytes, settings.checkpointSizeBytes)
            : settings.checkpointSizeBytes
    }

    /// The main file is about to change, though somebody may be reading it as an image.
    func giveUpImage() {
        guard isMainFileHeld else { return }
        isMainFileHeld = false
        counters.imagesGivenUp += 1
    }
}

package import RaftCore

/// Whose journal it is; in the header of every segment.
package struct JournalIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The cluster.
    package var cluster: ClusterID
    /// The node.
    package var node: NodeID
    /// Which life of the node's disk.
    package var incarnation: Incarnation

    /// Composes the identity.
    package init(cluster: ClusterID, node: NodeID, incarnation: Incarnation) {
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
    }

    package var description: String {
        let cluster = hexadecimal(cluster.high) + hexadecimal(cluster.low)
        let incarnation = hexadecimal(incarnation.high) + hexadecimal(incarnation.low)
        return "node \(node) (incarnation \(incarnation)) of cluster \(cluster)"
    }
}

/// Sixteen digits.
func hexadecimal(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// What a journal may be told about its files.
package struct JournalSettings: Hashable, Sendable {
    /// Bytes of a segment: a multiple of 4 KiB from 16 KiB to 1 GiB.
    ///
    /// Segments of other sizes in the directory stay as they are.
    package var segmentSize: Int
    /// Bytes that one call of ``Journal/prepareAhead()`` writes; ``Journal/giveBack()`` frees four
    /// times as many.
    package var sliceSize: Int
    /// Bytes of the disk that preparing a segment leaves free for others.
    package var reserveSize: Int

    /// 64 MiB, prepared 1 MiB at a time, from all the room there is.
    package init(
        segmentSize: Int = 64 * 1_048_576,
        sliceSize: Int = 1_048_576,
        reserveSize: Int = 0
    ) {
        self.segmentSize = segmentSize
        self.sliceSize = sliceSize
        self.reserveSize = reserveSize
    }

    /// Traps on sizes that no configuration should have let through.
    func check() {
        precondition(
            SegmentFormat.segmentSizes.contains(segmentSize)
                && segmentSize % SegmentFormat.blockSize == 0,
            "segments of \(segmentSize) bytes"
        )
        precondition(sliceSize > 0, "slices of \(sliceSize) bytes")
        precondition((0...1 << 40).contains(reserveSize), "a reserve of \(reserveSize) bytes")
    }
}

/// One durable change to a group's log.
package enum JournalWrite: Hashable, Sendable {
    /// The log loses everything from this index on.
    case truncate(GroupID, from: LogIndex)
    /// The entry follows the last one of its group.
    case entry(Entry)
    /// The new term or vote of a group.
    case hardState(GroupID, HardState)
    /// A snapshot takes the place of the log, which is empty behind this start (Raft §7).
    case start(GroupID, LogStart)
}

/// What the journal knows of a group after a start.
package struct GroupRecovery: Hashable, Sendable {
    /// Which group.
    package var group: GroupID
    /// Its term and vote.
    package var hardState: HardState
    /// Where its log begins on disk: whole segments are given back, so this may be before the place
    /// through which it was compacted.
    package var start: LogStart
    /// Its entries, contiguous from there on.
    package var headers: [EntryHeader]

    /// The newest configuration, committed or not; nil where the log has none.
    package var configuration: Configuration? {
        for header in headers.reversed() {
            if case .configuration(let newest) = header.kind { return newest }
        }
        return start.configuration
    }

    /// Composes the knowledge.
    package init(
        group: GroupID,
        hardState: HardState,
        start: LogStart = .beginning,
        headers: [EntryHeader]
    ) {
        self.group = group
        self.hardState = hardState
        self.start = start
        self.headers = headers
    }
}

/// What a journal has done since it was opened.
package struct JournalStatistics: Hashable, Sendable {
    /// Syncs of journal files on the path of a write.
    package var syncs = 0
    /// Batches written, marks included.
    package var batches = 0
    /// Bytes of those batches.
    package var bytes = 0
    /// Entries written.
    package var entries = 0
    /// Bytes of those entries.
    package var entryBytes = 0
    /// Segments that exist, the prepared one included.
    package var segments = 0
    /// Segments that a write had to prepare by itself, because nobody had ahead of time.
    package var latePreparations = 0
}

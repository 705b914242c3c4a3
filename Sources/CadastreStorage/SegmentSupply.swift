internal import CadastreDisk

/// Makes segments ready ahead of time, out of the room that there is.
struct SegmentSupply {
    /// Segments that nothing was written to yet, ascending by number.
    private(set) var ready: [OpenSegment]
    let settings: JournalSettings
    private let directory: String
    private let disk: any Disk
    private let identity: JournalIdentity
    private var salts: SplitMix64
    private var preparation: SegmentPreparation?

    /// A supply that begins with what a start has found.
    init(
        _ ready: [OpenSegment],
        in directory: String,
        on disk: any Disk,
        identity: JournalIdentity,
        settings: JournalSettings,
        seed: UInt64
    ) {
        self.ready = ready
        self.directory = directory
        self.disk = disk
        self.identity = identity
        self.settings = settings
        salts = SplitMix64(seed: seed)
    }

    /// Bytes of the smallest segment that may come next.
    ///
    /// Those prepared before a restart have the size of then.
    var minimumSegmentSize: Int {
        ready.reduce(settings.segmentSize) { min($0, $1.header.size) }
    }

    /// Takes the next segment out, if one is ready.
    mutating func take() -> OpenSegment? { ready.isEmpty ? nil : ready.removeFirst() }

    /// Does a bounded part of preparing the segment of this number, out of the reserve too if that
    /// is allowed.
    ///
    /// - Returns: The header of the segment, once it is ready.
    /// - Throws: What the disk says. If ``mayTryAgain(after:)``, a later call goes on or begins
    ///   again, and what was begun does not hold any room.
    mutating func prepare(
        _ number: UInt64,
        takingReserve: Bool
    ) throws(DiskError) -> SegmentHeader? {
        let current: SegmentPreparation
        if let preparation {
            current = preparation
        } else {
            try requireRoom(settings.segmentSize + (takingReserve ? 0 : settings.reserveSize))
            let header = SegmentHeader(
                identity: identity,
                number: number,
                salt: salts.next(),
                size: settings.segmentSize
            )
            current = try SegmentPreparation(header, in: directory, on: disk)
            preparation = current
        }
        guard let segment = try current.step(slice: settings.sliceSize) else { return nil }
        preparation = nil
        ready.append(segment)
        return segment.header
    }

    /// Whether a failure of ``prepare(_:takingReserve:)`` leaves everything as it was; gives the room back.
    mutating func mayTryAgain(after error: DiskError) -> Bool {
        guard let preparation else { return error.isShortage }
        let mayTryAgain = preparation.mayTryAgain(after: error)
        if preparation.abandon() { self.preparation = nil }
        return mayTryAgain
    }

    /// Closes every file.
    mutating func close() {
        for segment in ready { segment.file.close() }
        preparation?.abandon()
        preparation = nil
    }

    /// Asks before anything is taken: a file system that has too little takes all of it first.
    private func requireRoom(_ size: Int) throws(DiskError) {
        let free = try disk.freeSpace(directory)
        guard free >= size else {
            throw DiskError(
                operation: .preallocate,
                path: directory,
                offset: settings.segmentSize,
                code: DiskError.noSpace
            )
        }
    }
}

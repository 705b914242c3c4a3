/// Whether only the disk's reserve is left.
///
/// Looks a few times a second; says that there is room again only when there is a quarter more, so
/// that one deletion does not open the door for one put.
struct DiskReserve {
    /// What is kept free, in bytes.
    private let size: Int
    /// Only the reserve is left.
    private(set) var isReached = false
    private var lookedAt: UInt64?

    /// Between two looks, in nanoseconds.
    private static let interval: UInt64 = 250_000_000

    /// A reserve of this many bytes; none with 0.
    init(size: Int) {
        self.size = size
    }

    /// Looks, if it is time to.
    ///
    /// - Parameters:
    ///   - moment: The monotonic moment.
    ///   - freeSpace: Asks the disk; nil where it does not say, and then nothing is refused.
    mutating func look(at moment: UInt64, _ freeSpace: () -> Int?) {
        guard size > 0 else { return }
        if let lookedAt, moment >= lookedAt, moment - lookedAt < Self.interval { return }
        lookedAt = moment
        guard let free = freeSpace() else {
            isReached = false
            return
        }
        isReached = free < (isReached ? size + size / 4 : size)
    }
}

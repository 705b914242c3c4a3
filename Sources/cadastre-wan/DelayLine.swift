internal import DequeModule
internal import NIOCore

/// What is on its way in one direction: each parcel arrives the same time after it was sent, in the
/// order in which it was sent.
///
/// A value without clock or sockets. Bandwidth is unbounded; what is on the way is not: while it is
/// full nothing more is to be read, and the sender's own socket makes it wait.
struct DelayLine {
    /// What can be sent.
    enum Parcel: Equatable {
        case bytes(ByteBuffer)
        /// The sender sends no more, and still reads.
        case endOfStream
        /// The sender is gone.
        case gone
    }

    private let delay: TimeAmount
    private let maximumSize: Int
    private var parcels: Deque<(due: NIODeadline, parcel: Parcel)> = []
    /// Bytes on their way.
    private(set) var size = 0

    /// Nothing is on its way.
    ///
    /// - Parameters:
    ///   - delay: From one end to the other.
    ///   - maximumSize: Bytes from which on it is full; what was read by then is taken still.
    init(delay: TimeAmount, maximumSize: Int) {
        self.delay = delay
        self.maximumSize = maximumSize
    }

    /// Whether nothing more is to be read.
    var isFull: Bool { size >= maximumSize }

    /// When the first parcel arrives; nil if there is none.
    var due: NIODeadline? { parcels.first?.due }

    /// Sends a parcel.
    mutating func add(_ parcel: Parcel, at now: NIODeadline) {
        if case .bytes(let bytes) = parcel { size += bytes.readableBytes }
        parcels.append((now + delay, parcel))
    }

    /// The next parcel that has arrived; nil if there is none yet.
    mutating func next(at now: NIODeadline) -> Parcel? {
        guard let due, due <= now, let parcel = parcels.popFirst()?.parcel else { return nil }
        if case .bytes(let bytes) = parcel { size -= bytes.readableBytes }
        return parcel
    }
}

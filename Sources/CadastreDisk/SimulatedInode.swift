internal import Glibc

/// The bytes of one simulated file: what a reader sees, what would survive, and the changes between.
final class SimulatedInode {
    /// What a reader sees.
    var current: [UInt8] = []
    /// What survives a crash for certain.
    var durable: [UInt8] = []
    private var pending: [Change] = []
    /// Sectors that the device does not give back; few, so in no order.
    private var unreadableSectors: [Int] = []

    /// One change since the last sync.
    private enum Change {
        case write(Int, [UInt8])
        case zero(Range<Int>)
        case resize(Int)
    }

    /// An empty file.
    init() {}

    /// The same file again.
    init(copying other: SimulatedInode) {
        current = other.current
        durable = other.durable
        pending = other.pending
        unreadableSectors = other.unreadableSectors
    }

    /// Writes bytes; the file grows if need be.
    func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        let change = unsafe Change.write(offset, [UInt8](bytes))
        pending.append(change)
        apply(change, to: &current)
        mend(offset..<(offset + bytes.count))
    }

    /// Writes zeros; the file grows if need be.
    func zeroFill(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        mend(range)
        pending.append(.zero(range))
        apply(.zero(range), to: &current)
    }

    /// Cuts or extends the file.
    func resize(to size: Int) {
        pending.append(.resize(size))
        apply(.resize(size), to: &current)
    }

    /// Makes everything durable, except what an earlier failed sync has dropped.
    func sync() {
        for change in pending { apply(change, to: &durable) }
        pending.removeAll()
    }

    /// What a failed sync does: some of the changes reach the disk, the rest never will.
    ///
    /// Readers see what was written all the same, or what is there.
    func dropPending(with generator: inout SplitMix64) {
        let seen = current
        settle(with: &generator)
        if generator.next(below: 2) == 0 { current = seen }
    }

    /// Loses all changes that were not synced.
    func loseUnsynced() {
        pending.removeAll()
        current = durable
    }

    /// Shows what is on the disk again, under what was not synced yet.
    func forgetCache() {
        current = durable
        for change in pending { apply(change, to: &current) }
    }

    /// Makes the sectors of these bytes fail when read, until they are written again.
    func makeUnreadable(_ range: Range<Int>) {
        for piece in sectors(of: range) { unreadableSectors.append(piece.lowerBound / sectorSize) }
    }

    /// The first of these bytes that the device does not give back.
    func firstUnreadable(in range: Range<Int>) -> Int? {
        let sectors = range.lowerBound / sectorSize...(range.upperBound - 1) / sectorSize
        return unreadableSectors.filter { sectors.contains($0) }.min().map {
            max(range.lowerBound, $0 * sectorSize)
        }
    }

    /// A sector that is written as a whole can be read again.
    private func mend(_ range: Range<Int>) {
        guard !unreadableSectors.isEmpty else { return }
        unreadableSectors.removeAll { sector in
            range.lowerBound <= sector * sectorSize && (sector + 1) * sectorSize <= range.upperBound
        }
    }

    /// What a crash does: all changes kept, all lost, or by sector the first few of those that
    /// touched it.
    func settle(with generator: inout SplitMix64) {
        switch generator.next(below: 4) {
        case 0: sync()
        case 1: pending.removeAll()
        case 2: tear(with: &generator, losing: 2)
        default: tear(with: &generator, losing: 1 << (2 + generator.next(below: 5)))
        }
        current = durable
    }

    /// Keeps every sector's history up to a random point; loses one change of `losing`.
    private func tear(with generator: inout SplitMix64, losing: Int) {
        var size = durable.count
        var isSizeStopped = false
        var stopped: Set<Int> = []
        func resized(to newSize: Int) {
            if isSizeStopped || newSize == size { return }
            if generator.next(below: losing) == 0 { isSizeStopped = true } else { size = newSize }
        }
        for change in pending {
            switch change {
            case .write(let offset, let bytes):
                resized(to: max(size, offset + bytes.count))
                for piece in sectors(of: offset..<(offset + bytes.count)) {
                    let sector = piece.lowerBound / sectorSize
                    if stopped.contains(sector) { continue }
                    if generator.next(below: losing) == 0 {
                        stopped.insert(sector)
                        continue
                    }
                    let part = piece.lowerBound - offset..<piece.upperBound - offset
                    apply(.write(piece.lowerBound, Array(bytes[part])), to: &durable)
                }
            case .zero(let range):
                resized(to: max(size, range.upperBound))
                for piece in sectors(of: range) {
                    let sector = piece.lowerBound / sectorSize
                    if stopped.contains(sector) { continue }
                    if generator.next(below: losing) == 0 {
                        stopped.insert(sector)
                        continue
                    }
                    apply(.zero(piece), to: &durable)
                }
            case .resize(let newSize):
                let isShrinking = newSize < size
                resized(to: newSize)
                if isShrinking && size == newSize {
                    for place in min(newSize, durable.count)..<durable.count { durable[place] = 0 }
                }
            }
        }
        pending.removeAll()
        apply(.resize(size), to: &durable)
    }

    private func apply(_ change: Change, to content: inout [UInt8]) {
        switch change {
        case .write(let offset, let bytes):
            grow(&content, to: offset + bytes.count)
            unsafe content.withUnsafeMutableBytes { target in
                let part = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: target[offset..<(offset + bytes.count)]
                )
                unsafe bytes.withUnsafeBytes { unsafe part.copyMemory(from: $0) }
            }
        case .zero(let range):
            let existing = range.clamped(to: 0..<content.count)
            grow(&content, to: range.upperBound)
            unsafe content.withUnsafeMutableBytes { target in
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: target[existing])
                if let start = part.baseAddress { unsafe memset(start, 0, part.count) }
            }
        case .resize(let size):
            if size < content.count { content.removeLast(content.count - size) }
            grow(&content, to: size)
        }
    }

    private func grow(_ content: inout [UInt8], to size: Int) {
        guard size > content.count else { return }
        content.append(contentsOf: [UInt8](repeating: 0, count: size - content.count))
    }

    /// The range cut at the borders of sectors.
    private func sectors(of range: Range<Int>) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / sectorSize + 1) * sectorSize)
            pieces.append(start..<end)
            start = end
        }
        return pieces
    }
}

/// What a disk writes as one: kept or lost as a whole.
private let sectorSize = 512

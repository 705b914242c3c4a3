/// Memory in pieces of one size, shared by several ``ObjectTable``s: what one has emptied the next
/// fills.
///
/// An array that grows is copied to twice its size, and what it leaves behind fits nothing.
final class MemoryPieces {
    /// A piece of memory.
    @safe
    final class Piece {
        let memory: UnsafeMutableRawBufferPointer

        fileprivate init(size: Int) {
            unsafe memory = .allocate(byteCount: size, alignment: 8)
        }

        deinit { unsafe memory.deallocate() }
    }

    private var free: [Piece] = []

    /// Bytes of a piece.
    static let size = 256 << 10

    /// A piece of at least this many bytes.
    func take(atLeast count: Int) -> Piece {
        guard count <= Self.size else { return Piece(size: count) }
        return free.popLast() ?? Piece(size: Self.size)
    }

    /// A piece of just this many bytes, at most those of the others.
    func take(exactly count: Int) -> Piece {
        count == Self.size ? take(atLeast: count) : Piece(size: count)
    }

    /// Takes back pieces that nobody uses any more.
    func giveBack(_ pieces: [Piece]) {
        for piece in pieces where unsafe piece.memory.count == Self.size { free.append(piece) }
    }
}

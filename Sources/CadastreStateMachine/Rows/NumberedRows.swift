internal import CadastreProtocol

/// A key made of numbers.
protocol NumberedKey: Equatable {
    /// One number of the key's; it need not be another for each key, but nearly so.
    var mixed: UInt64 { get }
}

extension TenantID: NumberedKey {
    var mixed: UInt64 { value }
}

extension BucketID: NumberedKey {
    var mixed: UInt64 { value }
}

/// A session's id.
extension UInt64: NumberedKey {
    var mixed: UInt64 { self }
}

/// What decides about the places of keys.
struct PlaceSecret {
    var before: UInt64
    var factor: UInt64

    /// Another in each process, like the hashes of a dictionary, of which it is made.
    static let ofProcess = PlaceSecret(before: drawn(0), factor: drawn(1) | 1)

    private static func drawn(_ number: Int) -> UInt64 {
        UInt64(bitPattern: Int64(number.hashValue))
    }
}

/// Rows in memory, found by such a key.
///
/// A `Dictionary` takes some 300 instructions a look-up, and a put makes eight. Here it is one
/// multiplication by a secret of the process and a comparison, which guards as well against clients
/// who choose slots so that they collide. Open addressing with linear probing, where a removal closes
/// the gap (Knuth, The Art of Computer Programming, volume 3, §6.4, algorithm R). The place of a row
/// tells nothing, and is another in each process.
struct NumberedRows<Key: NumberedKey, Row> {
    /// As many as a power of two, at most three quarters of them taken; none while there is no row.
    private var keys: [Key?] = []
    /// The row of the key at the same place.
    private var rows: [Row?] = []
    /// How many there are.
    private(set) var count = 0
    private let secret: PlaceSecret

    /// An empty table.
    init(secret: PlaceSecret = .ofProcess) { self.secret = secret }

    /// The row of a key; nil is none.
    subscript(key: Key) -> Row? {
        @inline(__always)
        get {
            guard let place = place(of: key) else { return nil }
            return rows[place]
        }
        set {
            if let newValue { update(newValue, of: key) } else { remove(key) }
        }
    }

    /// Puts a row in the place of the one that the key has.
    ///
    /// - Returns: That one; nil if it had none.
    @discardableResult
    mutating func update(_ row: Row, of key: Key) -> Row? {
        if let place = place(of: key) {
            let old = rows[place]
            rows[place] = row
            return old
        }
        if 4 * (count + 1) > 3 * keys.count { grow() }
        var place = home(of: key)
        while keys[place] != nil { place = next(place) }
        (keys[place], rows[place]) = (key, row)
        count += 1
        return nil
    }

    /// All rows, in an order that means nothing.
    var unordered: some LazySequenceProtocol & Sequence<Row> { rows.lazy.compactMap(\.self) }

    /// Keeps the rows for which that holds, and gives back the memory of the others.
    mutating func keep(where isKept: (Row) -> Bool) {
        var kept = Self(secret: secret)
        // At once: rows come in the order of their homes, and would crowd in a smaller table.
        kept.makeRoom(for: rows.count { $0.map(isKept) == true })
        for (key, row) in zip(keys, rows) {
            if let key, let row, isKept(row) { kept.update(row, of: key) }
        }
        self = kept
    }

    // MARK: Places

    @inline(__always)
    private func place(of key: Key) -> Int? {
        guard count > 0 else { return nil }
        var place = home(of: key)
        while let there = keys[place] {
            if there == key { return place }
            place = next(place)
        }
        return nil
    }

    /// Where a key stands if nobody stood there before it: both halves of a product count, so that
    /// who does not know the factors cannot tell which keys meet (as `RowHasher` folds).
    @inline(__always)
    private func home(of key: Key) -> Int {
        let product = (key.mixed ^ secret.before).multipliedFullWidth(by: secret.factor)
        let spread = product.high ^ product.low
        return Int(spread >> UInt64(64 - keys.count.trailingZeroBitCount))
    }

    @inline(__always)
    private func next(_ place: Int) -> Int { (place + 1) & (keys.count - 1) }

    private mutating func grow() {
        var grown = Self(secret: secret)
        grown.makeRoom(places: max(8, 2 * keys.count))
        for (key, row) in zip(keys, rows) {
            if let key, let row { grown.update(row, of: key) }
        }
        self = grown
    }

    /// Of an empty table.
    private mutating func makeRoom(for count: Int) {
        guard count > 0 else { return }
        var places = 8
        while 4 * count > 3 * places { places *= 2 }
        makeRoom(places: places)
    }

    private mutating func makeRoom(places: Int) {
        keys = Array(repeating: nil, count: places)
        rows = Array(repeating: nil, count: places)
    }

    private mutating func remove(_ key: Key) {
        guard var gap = place(of: key) else { return }
        (keys[gap], rows[gap]) = (nil, nil)
        count -= 1
        var place = next(gap)
        while let there = keys[place] {
            // It may move to the gap unless it would then stand before its home.
            let way = (place - home(of: there)) & (keys.count - 1)
            if way >= (place - gap) & (keys.count - 1) {
                (keys[gap], rows[gap]) = (there, rows[place])
                (keys[place], rows[place]) = (nil, nil)
                gap = place
            }
            place = next(place)
        }
    }
}

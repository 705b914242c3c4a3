internal import CadastreProtocol

/// A recomputation of the digest from the tables, in slices between which entries are applied.
///
/// What was read so far is summed up. A change of a row that lies behind is taken over from the
/// command that makes it, one of a row ahead is read later. So at the end the sum is that of all
/// rows as they then are, and it equals the digest kept while applying, unless a row was not what
/// was applied when it was read: what is written over it later does not hide that.
struct Verification {
    /// The sum over the rows that were read, with what became of them since.
    private(set) var sum = StateDigest.zero
    /// How many rows that is.
    private(set) var rows: UInt64 = 0
    /// What is wrong with a row, for people; the first that was found.
    private(set) var damage: String?

    /// How far it is.
    enum Stage {
        /// Objects behind this one are next.
        case objects(behind: ObjectPlace)
        case done
    }
    private(set) var stage = Stage.objects(behind: ObjectPlace(bucket: 0, key: []))
    // MARK: What is read

    /// Takes a row of a table that is read in one go, before the objects.
    mutating func read(_ row: some DigestedRow, key: RowHashKey) {
        sum += row.digest(key)
        rows &+= 1
    }

    /// Takes an object with the hash of the body that is really there.
    mutating func read(_ row: ObjectRow, bodyHash: UInt64, key: RowHashKey) {
        guard case .objects(let last) = stage else { return }
        let place = ObjectPlace(row)
        guard last < place else {
            // Read on from the greater of the two, so that damage cannot make this endless.
            note("object \(Self.words(row)) stands behind one that it should precede")
            return
        }
        stage = .objects(behind: place)
        var found = row
        if bodyHash != row.bodyHash {
            note("the body of \(Self.words(row)) is not what was written")
        }
        found.bodyHash = bodyHash
        sum += found.digest(key)
        rows &+= 1
    }

    /// All objects were read.
    mutating func finishObjects() { stage = .done }

    /// Remembers what is wrong.
    mutating func note(_ what: String) {
        if damage == nil { damage = what }
    }

    // MARK: What is changed meanwhile

    /// A row takes the place of another.
    mutating func replaced<Row: DigestedRow>(_ old: Row?, by new: Row?, key: RowHashKey) {
        if let object = (new ?? old) as? ObjectRow {
            guard isBehind(ObjectPlace(object)) else { return }
        }
        if let old {
            sum -= old.digest(key)
            rows &-= 1
        }
        if let new {
            sum += new.digest(key)
            rows &+= 1
        }
    }

    private func isBehind(_ place: ObjectPlace) -> Bool {
        switch stage {
        case .objects(let last): place <= last
        case .done: true
        }
    }

    private static func words(_ row: ObjectRow) -> String {
        let digits = row.key.prefix(64).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "bucket \(row.bucket.value), key 0x\(digits.joined()), change \(row.sequence)"
    }
}

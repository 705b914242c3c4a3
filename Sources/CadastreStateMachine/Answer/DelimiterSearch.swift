/// Finds a delimiter in keys, each byte of a key being looked at once (Knuth, Morris and Pratt).
///
/// Prepared once for a list: a client chooses delimiter and keys, and both may be of a kilobyte
/// that repeats itself, for which a plain search takes their product at every key.
package struct DelimiterSearch {
    private let delimiter: [UInt8]
    /// For each place: how many bytes of the delimiter's beginning end there, beside the trivial
    /// all.
    private let borders: [Int]

    /// Prepares the search; an empty delimiter is nowhere.
    package init(_ delimiter: [UInt8]) {
        var borders: [Int] = []
        borders.reserveCapacity(delimiter.count)
        for place in delimiter.indices {
            guard let last = borders.last else {
                borders.append(0)
                continue
            }
            var matched = last
            while matched > 0, delimiter[matched] != delimiter[place] {
                matched = borders[matched - 1]
            }
            borders.append(delimiter[matched] == delimiter[place] ? matched + 1 : 0)
        }
        self.delimiter = delimiter
        self.borders = borders
    }

    /// The place behind the first delimiter that begins at or behind `start`; nil if there is none.
    ///
    /// Cost: O(key), whatever the delimiter.
    package func end<Key: RandomAccessCollection>(
        in key: Key,
        from start: Int
    ) -> Int? where Key.Element == UInt8, Key.Index == Int {
        guard !delimiter.isEmpty, start < key.endIndex else { return nil }
        var matched = 0
        for place in start..<key.endIndex {
            let byte = key[place]
            while matched > 0, delimiter[matched] != byte { matched = borders[matched - 1] }
            if delimiter[matched] == byte { matched += 1 }
            if matched == delimiter.count { return place + 1 }
        }
        return nil
    }
}

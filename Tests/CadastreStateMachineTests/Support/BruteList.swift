import CadastreProtocol

/// A page of a list as one would write it down first: all keys, grouped, cut.
///
/// - Parameters:
///   - keys: Ascending.
///   - listing: What is asked for.
/// - Returns: Keys and common prefixes, and whether there are more.
func bruteList(
    _ keys: [[UInt8]],
    _ listing: ObjectListing
) -> (items: [[UInt8]], isTruncated: Bool) {
    guard listing.maximum > 0 else { return ([], false) }
    var items: [[UInt8]] = []
    for key in keys where key.starts(with: listing.prefix) {
        var item = key
        if !listing.delimiter.isEmpty {
            let places = key.indices.dropFirst(listing.prefix.count).filter {
                key[$0...].starts(with: listing.delimiter)
            }
            if let place = places.first {
                item = Array(key[..<(place + listing.delimiter.count)])
            }
        }
        if items.last == item { continue }
        // Only what is itself above the place to start after.
        if !listing.after.isEmpty, !listing.after.lexicographicallyPrecedes(item) { continue }
        items.append(item)
    }
    return (Array(items.prefix(listing.maximum)), items.count > listing.maximum)
}

/// Which column of an inventory holds what.
///
/// A first line or a manifest may name them, in any order and among others.
struct InventoryColumns: Hashable, Sendable {
    /// The columns that are read, in the order in which they are written.
    enum Column: Int, CaseIterable, Sendable {
        case bucket, key, version, isLatest, isDeleteMarker, size, modified, etag

        /// As S3 names it.
        var name: String {
            switch self {
            case .bucket: "Bucket"
            case .key: "Key"
            case .version: "VersionId"
            case .isLatest: "IsLatest"
            case .isDeleteMarker: "IsDeleteMarker"
            case .size: "Size"
            case .modified: "LastModifiedDate"
            case .etag: "ETag"
            }
        }
    }

    /// The names, in order.
    static let names = Column.allCases.map(\.name)
    /// What is read where nothing names the columns.
    static let standard = InventoryColumns(places: Array(Column.allCases.indices), count: 8)

    /// Fields of a line.
    let count: Int
    /// By `Column.rawValue`; nil where there is no such column.
    private let places: [Int?]

    private init(places: [Int?], count: Int) {
        self.places = places
        self.count = count
    }

    /// Reads the names of a first line or a manifest; those that are not known are passed over.
    ///
    /// - Throws: `InventoryLine.Wrong` if one that is needed is missing or named twice.
    init(naming names: [String]) throws(InventoryLine.Wrong) {
        var places = [Int?](repeating: nil, count: Column.allCases.count)
        for (place, name) in names.enumerated() {
            guard let column = Column.allCases.first(where: { $0.name == name }) else { continue }
            guard places[column.rawValue] == nil else {
                throw InventoryLine.Wrong("the column \(name) is named twice")
            }
            places[column.rawValue] = place
        }
        for needed in [Column.bucket, .key, .size] where places[needed.rawValue] == nil {
            throw InventoryLine.Wrong("there is no column \(needed.name)")
        }
        self.init(places: places, count: names.count)
    }

    /// Whether these fields are the names of columns and not an object: no bucket has such a name.
    static func isHeading(_ fields: [[UInt8]]) -> Bool {
        fields.contains(Array("Bucket".utf8)) && fields.contains(Array("Key".utf8))
    }

    /// The field of a column; empty if there is none.
    func field(_ column: Column, of fields: [[UInt8]]) -> [UInt8] {
        places[column.rawValue].map { fields[$0] } ?? []
    }
}

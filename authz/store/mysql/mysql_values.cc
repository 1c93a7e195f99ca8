#include "authz/store/mysql/mysql_values.h"

namespace gerve::mysql_values {
namespace {

enum class ColumnKind { integer, bytes, other };

ColumnKind kind_of(int type) {
    switch (type) {
        case sql::DataType::BIT:
        case sql::DataType::TINYINT:
        case sql::DataType::SMALLINT:
        case sql::DataType::MEDIUMINT:
        case sql::DataType::INTEGER:
        case sql::DataType::BIGINT: return ColumnKind::integer;
        case sql::DataType::CHAR:
        case sql::DataType::BINARY:
        case sql::DataType::VARCHAR:
        case sql::DataType::VARBINARY:
        case sql::DataType::LONGVARCHAR:
        case sql::DataType::LONGVARBINARY:
        case sql::DataType::ENUM:
        case sql::DataType::SET:
        case sql::DataType::SQLNULL: return ColumnKind::bytes;
        default: return ColumnKind::other;
    }
}

}  // namespace

sql::SQLString text_of(std::string_view bytes) {
    return {bytes.data() == nullptr ? "" : bytes.data(), bytes.size()};
}

void bind_one(sql::PreparedStatement& statement, unsigned place, const Bind& bind) {
    struct Visitor {
        sql::PreparedStatement& statement;
        unsigned place;
        void operator()(std::monostate) const { statement.setNull(place, sql::DataType::VARCHAR); }
        void operator()(std::int64_t number) const { statement.setInt64(place, number); }
        void operator()(std::string_view text) const { statement.setString(place, text_of(text)); }
        void operator()(BlobView blob) const { statement.setString(place, text_of(blob.bytes)); }
    };
    std::visit(Visitor{statement, place}, bind);
}

std::optional<Rows> read_rows(sql::ResultSet& results) {
    sql::ResultSetMetaData& columns = *results.getMetaData();
    std::vector<ColumnKind> kinds(columns.getColumnCount());
    for (unsigned i = 0; i < kinds.size(); ++i) kinds[i] = kind_of(columns.getColumnType(i + 1));
    Rows rows;
    rows.reserve(results.rowsCount());
    while (results.next()) {
        Row& row = rows.emplace_back(kinds.size());
        for (unsigned i = 0; i < kinds.size(); ++i) {
            if (results.isNull(i + 1)) continue;
            if (kinds[i] == ColumnKind::other) return std::nullopt;
            if (kinds[i] == ColumnKind::integer)
                row[i] = results.getInt64(i + 1);
            else
                row[i] = results.getString(i + 1).asStdString();
        }
    }
    return rows;
}

}  // namespace gerve::mysql_values
